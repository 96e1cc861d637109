-- One row per record: oestrogen, progesterone and HER2 receptors, each by the field of its era.
--
-- ER, PR: tumor markers 1990-2003, factors 1 and 2 2004-2017, summaries from 2018; SEER's recode where the extract has
-- it. Before 1990 not_collected.
-- HER2: factor 15 2010-2017 (010 positive, 020 negative, 030 borderline), overall summary from 2018, where 0 is negative
-- or equivocal; SEER's derived recode. Before 2010 not_collected. her2_definition says whose meaning a row has, because
-- a trend across 2017/2018 changes with it.
-- Factors 11, 13, 14 and then 9 are evidence for conflicts (her2_conflict), and fill (her2_status_filled) only where a
-- study says so. SEER's Borderline/Unknown is unknown with its own reason.
-- (Collaborative Stage 02.05 breast factors; NAACCR items 3827, 3915, 3855, 1150, 1160; SEER HER2 recode.)
with of_era as (
    select
        source_file,
        source_record,
        year_of_diagnosis,
        case
            when source = 'mapped' then coalesce(er_recode, er_summary, er_ssf1, er_marker)
            when year_of_diagnosis < 1990 then 'not_collected'
            when source = 'seer' and er_recode is not null then er_recode
            when year_of_diagnosis between 1990 and 2003 then er_marker
            when year_of_diagnosis between 2004 and 2017 then er_ssf1
            when year_of_diagnosis >= 2018 then er_summary
        end as er_of_era,
        case
            when source = 'mapped' then coalesce(pr_recode, pr_summary, pr_ssf2, pr_marker)
            when year_of_diagnosis < 1990 then 'not_collected'
            when source = 'seer' and pr_recode is not null then pr_recode
            when year_of_diagnosis between 1990 and 2003 then pr_marker
            when year_of_diagnosis between 2004 and 2017 then pr_ssf2
            when year_of_diagnosis >= 2018 then pr_summary
        end as pr_of_era,
        case
            when source = 'mapped' then coalesce(her2_recode, her2_summary_2018, her2_ssf15)
            when year_of_diagnosis < 2010 then 'not_collected'
            when source = 'seer' and her2_recode is not null then her2_recode
            when year_of_diagnosis between 2010 and 2017 then her2_ssf15
            when year_of_diagnosis >= 2018 then her2_summary_2018
        end as her2_of_era,
        case
            when source = 'mapped' then 'recorded'
            when year_of_diagnosis < 2010 then 'not_collected'
            when source = 'seer' and her2_recode is not null and year_of_diagnosis <= 2017
                then 'seer_recode_2010_2017'
            when source = 'seer' and her2_recode is not null then 'seer_recode_2018'
            when year_of_diagnosis between 2010 and 2017 then 'cs_factor_15'
            else 'overall_summary_2018'
        end as definition_of_era,
        list_filter(
            [her2_fish_ssf11, her2_cish_ssf13, her2_other_ssf14, her2_ihc_ssf9],
            lambda test: test in ('positive', 'negative', 'borderline')
        )[1] as her2_test,
        coalesce(her2_fish_ssf11, her2_cish_ssf13, her2_other_ssf14, her2_ihc_ssf9) is not null as has_her2_tests
    from staged
),

named as (
    select
        source_file,
        source_record,
        case
            when er_of_era is null then 'not_released'
            when er_of_era in ('blank', 'unmapped', 'borderline_or_unknown') then 'unknown'
            when er_of_era = 'negative_or_equivocal' then 'negative'
            else er_of_era
        end as er_status,
        case
            when er_of_era is null then 'not_released'
            when er_of_era in ('positive', 'negative', 'borderline', 'negative_or_equivocal') then 'recorded'
            when er_of_era in ('borderline_or_unknown', 'not_applicable', 'not_collected') then er_of_era
            else 'unknown'
        end as er_status_reason,
        case
            when pr_of_era is null then 'not_released'
            when pr_of_era in ('blank', 'unmapped', 'borderline_or_unknown') then 'unknown'
            when pr_of_era = 'negative_or_equivocal' then 'negative'
            else pr_of_era
        end as pr_status,
        case
            when pr_of_era is null then 'not_released'
            when pr_of_era in ('positive', 'negative', 'borderline', 'negative_or_equivocal') then 'recorded'
            when pr_of_era in ('borderline_or_unknown', 'not_applicable', 'not_collected') then pr_of_era
            else 'unknown'
        end as pr_status_reason,
        case
            when her2_of_era is null then 'not_released'
            when her2_of_era in ('blank', 'unmapped', 'borderline_or_unknown') then 'unknown'
            when her2_of_era = 'negative_or_equivocal' then 'negative'
            else her2_of_era
        end as her2_status,
        case
            when her2_of_era is null then 'not_released'
            when her2_of_era in ('positive', 'negative', 'borderline', 'negative_or_equivocal') then 'recorded'
            when her2_of_era in ('borderline_or_unknown', 'not_applicable', 'not_collected') then her2_of_era
            else 'unknown'
        end as her2_status_reason,
        case when her2_of_era is null then 'not_released' else definition_of_era end as her2_definition,
        case
            when her2_test is not null then her2_test
            when year_of_diagnosis < 2010 then 'not_collected'
            when has_her2_tests then 'unknown'
            else 'not_released'
        end as her2_test_status
    from of_era
)

select
    source_file,
    source_record,
    er_status,
    pr_status,
    her2_status,
    her2_definition,
    case
        when 'positive' in (er_status, pr_status) then 'positive'
        when er_status = 'negative' and pr_status = 'negative' then 'negative'
        when er_status = pr_status and er_status in ('not_collected', 'not_released') then er_status
        else 'unknown'
    end as hr_status,
    er_status_reason,
    pr_status_reason,
    her2_status_reason,
    her2_test_status,
    case
        when her2_status in ('unknown', 'not_applicable') and her2_test_status in ('positive', 'negative', 'borderline')
            then her2_test_status
        else her2_status
    end as her2_status_filled,
    case
        when her2_status in ('positive', 'negative') and her2_test_status in ('positive', 'negative')
            then her2_status <> her2_test_status
    end as her2_conflict
from named
