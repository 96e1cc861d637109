-- One row per record: the tumor itself, its size, grade, and T, N and M as recorded.
--
-- tumor_size_mm: the CS or TUMOR_SIZE item to 2015, the summary item from 2016. Only 001-988 are millimetres: 000 is
-- no mass found, 989 is 989 mm or more, 990 a microscopic focus, 991-998 are not sizes, 999 unknown. A mapped source
-- may give the size itself.
-- grade: one item to 2017; from 2018 the pathologic grade and, where that is unknown, the clinical one.
-- nodes: counts 00-90 (90 is 90 or more); 95 and 97 are positive without a count, and 98 was not examined.
-- tn_basis: which T this row has. Pathologic T exists only after surgery, so an adjustment for T conditions on it.
-- (Collaborative Stage 02.05 breast schema; NAACCR items 756, 440, 3843, 3844.)
with sized as (
    select
        *,
        case
            when year_of_diagnosis >= 2016 then tumor_size_summary_code
            when year_of_diagnosis <= 2015 then tumor_size_code
            else coalesce(tumor_size_summary_code, tumor_size_code)
        end as size_code,
        case
            when year_of_diagnosis >= 2018 and grade_pathologic in ('well', 'moderate', 'poor', 'undifferentiated')
                then grade_pathologic
            when year_of_diagnosis >= 2018 then coalesce(grade_clinical, grade_pathologic, grade)
            else grade
        end as grade_of_era
    from staged
),

numbered as (
    select
        *,
        try_cast(size_code as integer) as size_number
    from sized
)

select
    source_file,
    source_record,
    primary_site,
    case
        when laterality is null then 'not_released'
        when laterality in ('blank', 'unmapped') then 'unknown'
        else laterality
    end as laterality,
    histology as histology_icdo3,
    case
        when behavior is null then 'not_released'
        when behavior in ('blank', 'unmapped') then 'unknown'
        else behavior
    end as behavior,
    case
        when grade_of_era is null then 'not_released'
        when grade_of_era in ('blank', 'unmapped') then 'unknown'
        else grade_of_era
    end as grade,
    case
        when size_number between 1 and 988 then size_number
        when size_code is null and round(tumor_size_mm) between 1 and 988 then round(tumor_size_mm)::integer
    end as tumor_size_mm,
    case
        when size_code is null and (select count(one.tumor_size_mm) from staged as one) = 0 then 'not_released'
        when size_code is null and round(tumor_size_mm) between 1 and 988 then 'recorded'
        when size_code is null then 'unknown'
        when size_number between 1 and 988 then 'recorded'
        when size_number = 0 then 'no_mass'
        when size_number = 989 then 'very_large'
        when size_number = 990 then 'microscopic'
        when size_number between 991 and 998 then 'not_a_size'
        else 'unknown'
    end as tumor_size_status,
    case
        when clinical_t is null then 'not_released'
        when clinical_t in ('blank', 'unmapped') then 'unknown'
        else clinical_t
    end as clinical_t,
    case
        when clinical_n is null then 'not_released'
        when clinical_n in ('blank', 'unmapped') then 'unknown'
        else clinical_n
    end as clinical_n,
    case
        when clinical_m is null then 'not_released'
        when clinical_m in ('blank', 'unmapped') then 'unknown'
        else clinical_m
    end as clinical_m,
    case
        when pathologic_t is null then 'not_released'
        when pathologic_t in ('blank', 'unmapped') then 'unknown'
        else pathologic_t
    end as pathologic_t,
    case
        when pathologic_n is null then 'not_released'
        when pathologic_n in ('blank', 'unmapped') then 'unknown'
        else pathologic_n
    end as pathologic_n,
    case
        when pathologic_m is null then 'not_released'
        when pathologic_m in ('blank', 'unmapped') then 'unknown'
        else pathologic_m
    end as pathologic_m,
    case
        when derived_t is null then 'not_released'
        when derived_t in ('blank', 'unmapped') then 'unknown'
        else derived_t
    end as derived_t,
    case
        when derived_n is null then 'not_released'
        when derived_n in ('blank', 'unmapped') then 'unknown'
        else derived_n
    end as derived_n,
    nodes_positive,
    case
        when nodes_positive_status is null then 'not_released'
        when nodes_positive_status in ('blank', 'unmapped') then 'unknown'
        else nodes_positive_status
    end as nodes_positive_status,
    nodes_examined,
    case
        when nodes_examined_status is null then 'not_released'
        when nodes_examined_status in ('blank', 'unmapped') then 'unknown'
        else nodes_examined_status
    end as nodes_examined_status,
    case
        when pathologic_t not in ('blank', 'unmapped', 'unknown', 'not_applicable', 'pX', 'pTX', 'X', '88', '99')
            then 'pathologic'
        when clinical_t not in ('blank', 'unmapped', 'unknown', 'not_applicable', 'cX', 'cTX', 'X', '88', '99')
            then 'clinical'
        when
            derived_t not in (
                'blank', 'unmapped', 'unknown', 'not_applicable', 'NA', '88', '99', 'TX', 'cX', 'pX', 'TX Adjusted',
                'Any T, Mets'
            )
            then 'derived'
        when coalesce(pathologic_t, clinical_t, derived_t) is null then 'not_released'
        else 'unknown'
    end as tn_basis
from numbered
