-- One row per record: Charlson-Deyo score, from the recorded ICD codes where the source has codes and no score.
--
-- Conditions as Quan et al. 2005 list them for ICD-9-CM and ICD-10, weights of Charlson 1987; cancer and its metastases
-- are left out, as they are the disease itself. Complicated diabetes counts instead of diabetes, severe liver disease
-- instead of mild. A record that says there is no comorbidity is 0, and so is one with codes of other conditions; a record
-- without codes is blank, never 0: nobody looked, or nobody wrote it down.
-- (Quan 2005, doi 10.1097/01.mlr.0000182534.19832.83; NAACCR items 3110-3164, 3780-3798.)
with patterns as (
    select distinct
        coalesce(comorbidity_icd9, '') as icd9,
        coalesce(comorbidity_icd10, '') as icd10
    from staged
    where comorbidity_icd9 is not null or comorbidity_icd10 is not null
),

coded as (
    select
        icd9,
        icd10,
        'icd_9_cm' as revision,
        unnest(string_split(icd9, '|')) as icd
    from patterns
    union all
    select
        icd9,
        icd10,
        'icd_10_cm' as revision,
        unnest(string_split(icd10, '|')) as icd
    from patterns
),

prefixed as (
    select
        *,
        concat_ws(' ', revision, left(icd, unnest([3, 4, 5]))) as beginning
    from coded
),

conditions as (
    select
        icd9,
        icd10,
        unnest([listed.value, listed.also]) as disease
    from prefixed
    inner join codes_charlson_conditions as listed on prefixed.beginning = listed.code
),

gathered as (
    select
        icd9,
        icd10,
        list(distinct disease) as present
    from conditions
    where disease is not null
    group by icd9, icd10
),

scored as (
    select
        gathered.icd9,
        gathered.icd10,
        sum(weights.value::integer) as score
    from gathered
    inner join codes_charlson_weights as weights
        on
            list_contains(gathered.present, weights.code)
            and not coalesce(list_contains(gathered.present, weights.superseded_by), false)
    group by gathered.icd9, gathered.icd10
)

select
    staged.source_file,
    staged.source_record,
    case
        when staged.charlson_deyo is not null then staged.charlson_deyo
        when staged.comorbidity_icd9 is null and staged.comorbidity_icd10 is null then null
        when
            coalesce(staged.comorbidity_icd9, 'blank') = 'blank'
            and coalesce(staged.comorbidity_icd10, 'blank') = 'blank'
            then 'blank'
        when scored.score >= 2 then '2_or_more'
        else coalesce(scored.score, 0)::varchar
    end as charlson_deyo
from staged
left join scored
    on
        coalesce(staged.comorbidity_icd9, '') = scored.icd9
        and coalesce(staged.comorbidity_icd10, '') = scored.icd10
