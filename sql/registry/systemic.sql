-- One row per record: first-course systemic therapy.
--
-- Given is yes; not given for a reason (82, 85, 86, 87) and 00 are no; 88 and 99 are unknown. SEER says No/Unknown:
-- no_or_unknown, never no. What SEER does not release is not_released.
-- Six antibodies, trastuzumab among them, moved from chemotherapy to immunotherapy with diagnoses of 2013: any_systemic
-- and chemotherapy_or_targeted hold across the break, a trend of either alone does not. A combination is released only
-- where all its parts are: "yes" from one part alone would be a selective variable.
-- her2_targeted is a proxy: immunotherapy in a HER2-positive tumor from 2013. No registry names the drug.
-- (NAACCR items 1390, 1400, 1410, 1639; NCDB PUF dictionary; SEER*Stat chemotherapy recode.)
with given as (
    select
        staged.*,
        her2_status,
        case
            when chemo is null then 'not_released'
            when chemo = 'given' then 'yes'
            when chemo = 'none_or_unknown' then 'no_or_unknown'
            when chemo in ('none', 'contraindicated', 'died', 'recommended_not_given', 'refused') then 'no'
            else 'unknown'
        end as chemotherapy,
        case
            when hormone is null then 'not_released'
            when hormone = 'given' then 'yes'
            when hormone = 'none_or_unknown' then 'no_or_unknown'
            when hormone in ('none', 'contraindicated', 'died', 'recommended_not_given', 'refused') then 'no'
            else 'unknown'
        end as hormone_therapy,
        case
            when immuno is null then 'not_released'
            when immuno = 'given' then 'yes'
            when immuno = 'none_or_unknown' then 'no_or_unknown'
            when immuno in ('none', 'contraindicated', 'died', 'recommended_not_given', 'refused') then 'no'
            else 'unknown'
        end as immunotherapy
    from staged
    inner join receptors using (source_file, source_record)
)

select
    source_file,
    source_record,
    chemotherapy,
    hormone_therapy,
    immunotherapy,
    case
        when list_contains([chemotherapy, hormone_therapy, immunotherapy], 'not_released') then 'not_released'
        when list_contains([chemotherapy, hormone_therapy, immunotherapy], 'yes') then 'yes'
        when list_contains([chemotherapy, hormone_therapy, immunotherapy], 'unknown') then 'unknown'
        when list_contains([chemotherapy, hormone_therapy, immunotherapy], 'no_or_unknown') then 'no_or_unknown'
        else 'no'
    end as any_systemic,
    case
        when list_contains([chemotherapy, immunotherapy], 'not_released') then 'not_released'
        when list_contains([chemotherapy, immunotherapy], 'yes') then 'yes'
        when list_contains([chemotherapy, immunotherapy], 'unknown') then 'unknown'
        when list_contains([chemotherapy, immunotherapy], 'no_or_unknown') then 'no_or_unknown'
        else 'no'
    end as chemotherapy_or_targeted,
    case
        when immunotherapy = 'not_released' then 'not_released'
        when year_of_diagnosis < 2013 then 'not_collected'
        when her2_status = 'positive' then immunotherapy
        when her2_status = 'negative' then 'not_applicable'
        else 'unknown'
    end as her2_targeted,
    case
        when
            source in ('ncdb', 'naaccr')
            and year_of_diagnosis < 2006
            and coalesce(systemic_surgery_sequence, 'blank') = 'blank'
            then 'not_collected'
        when source = 'seer' and year_of_diagnosis < 2007 and systemic_surgery_sequence = 'blank' then 'not_collected'
        when systemic_surgery_sequence is null then 'not_released'
        when systemic_surgery_sequence in ('blank', 'unmapped') then 'unknown'
        else systemic_surgery_sequence
    end as systemic_surgery_sequence,
    days_to_treatment as days_to_first_treatment,
    days_to_chemotherapy,
    days_to_hormone_therapy,
    days_to_immunotherapy,
    days_to_systemic
from given
