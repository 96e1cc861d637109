-- One row per record: the stage group by the source's own rule, and the field it came from.
--
-- NCDB: the analytic stage group. It prefers the pathologic stage, so it conditions on surgery.
-- SEER, by year of diagnosis: 1988-2003 adjusted AJCC 6th, 2004-2009 derived 6th, 2010-2015 derived 7th, 2016-2017
-- the combined stage group, from 2018 the EOD 2018 stage group. No field stands in for another: a series that crosses
-- 2004 uses stage_iv_adjusted_ajcc6 to 2015, because supraclavicular nodes were M1 before the 6th edition and a
-- splice manufactures stage migration. Before 1988 there is only summary stage.
-- NAACCR: the first group that is known, and stage_edition says which: to 2017 derived AJCC 7th, derived 6th, pathologic,
-- clinical, the combined group of 2016; from 2018 pathologic, clinical (8th edition), then the EOD 2018 group, which
-- registries that do not collect AJCC stage have alone. Stage IV is M1 in all of them; stages I-III do not compare. A
-- pathologic group assigned after therapy (yp) is read only where it is IV: it never downstages.
-- Mapped source: stage at diagnosis as the mapping gives it, else the best recorded group.
-- (SEER*Stat staging fields; NCDB PUF dictionary; NAACCR items 910, 920, 970, 1004, 1014, 3000, 3430, 3614, 818.)
with offered as (
    select
        *,
        case
            when pathologic_after_therapy = 'yes' and pathologic_stage_group <> '4' then 'unknown'
            else pathologic_stage_group
        end as pathologic_group,
        case
            when year_of_diagnosis >= 2018
                then
                    [
                        { 'edition': 'ajcc8_pathologic', 'stage': pathologic_group },
                        { 'edition': 'ajcc8_clinical', 'stage': clinical_stage_group },
                        { 'edition': 'eod_2018', 'stage': stage_eod_2018 }
                    ]
            else
                [
                    { 'edition': 'ajcc7_derived', 'stage': stage_ajcc7_derived },
                    { 'edition': 'ajcc6_derived', 'stage': stage_ajcc6_derived },
                    { 'edition': 'tnm_pathologic', 'stage': pathologic_group },
                    { 'edition': 'tnm_clinical', 'stage': clinical_stage_group },
                    { 'edition': 'seer_combined_2016', 'stage': stage_combined_2016 }
                ]
        end as offers,
        list_filter(offers, lambda one: one.stage in ('0', '1', '2', '3', '4', 'occult'))[1] as known_group
    from staged
)

select
    source_file,
    source_record,
    case
        when source = 'ncdb' then analytic_stage_group
        when source = 'mapped'
            then coalesce(stage_at_diagnosis, analytic_stage_group, pathologic_stage_group, clinical_stage_group)
        when source = 'naaccr' and known_group is not null then known_group.stage
        when source = 'naaccr' and len(list_filter(offers, lambda one: one.stage is not null)) = 0 then null
        when source = 'naaccr' and len(list_filter(offers, lambda one: one.stage = 'not_applicable')) > 0
            then 'not_applicable'
        when source = 'naaccr' then 'unknown'
        when year_of_diagnosis between 1988 and 2003 then stage_ajcc6_adjusted
        when year_of_diagnosis between 2004 and 2009 then stage_ajcc6_derived
        when year_of_diagnosis between 2010 and 2015 then stage_ajcc7_derived
        when year_of_diagnosis between 2016 and 2017 then stage_combined_2016
        when year_of_diagnosis >= 2018 then stage_eod_2018
        else 'not_collected'
    end as received_group,
    case
        when source = 'ncdb' then 'ncdb_analytic'
        when source = 'mapped' then 'recorded'
        when source = 'naaccr' then coalesce(known_group.edition, 'none')
        when year_of_diagnosis between 1988 and 2003 then 'ajcc6_adjusted'
        when year_of_diagnosis between 2004 and 2009 then 'ajcc6_derived'
        when year_of_diagnosis between 2010 and 2015 then 'ajcc7_derived'
        when year_of_diagnosis between 2016 and 2017 then 'seer_combined_2016'
        when year_of_diagnosis >= 2018 then 'eod_2018'
        else 'none'
    end as stage_edition
from offered
