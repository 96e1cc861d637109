-- One row per record: the Oncotype DX recurrence score where it is a number.
--
-- Factor 23 2010-2017: 000-100 a score; 200, 300, 400 low, intermediate, high without a score. From 2018 the score item:
-- 000-100; XX4 and XX5 below 11 and 11 or more; XX6 in situ, so not applicable; XX7, XX9 unknown. Factor 23 holds any
-- multigene score: factor 22 (010) would say it is Oncotype, and staging gives the code only then.
-- (Collaborative Stage 02.05 factors 22, 23; NAACCR item 3904.)
select
    source_file,
    source_record,
    case
        when try_cast(oncotype_code as integer) between 0 and 100 then try_cast(oncotype_code as integer)
    end as oncotype_score,
    case
        when source <> 'mapped' and year_of_diagnosis < 2010 then 'not_collected'
        when oncotype_code is null then 'not_released'
        when try_cast(oncotype_code as integer) between 0 and 100 then 'recorded'
        when oncotype_code in ('200', '300', '400', 'XX4', 'XX5') then 'range_only'
        when oncotype_code in ('988', 'XX6') then 'not_applicable'
        else 'unknown'
    end as oncotype_status
from staged
