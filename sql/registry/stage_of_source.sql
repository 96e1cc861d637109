-- One row per record: the stage group by the source's own rule, and the field it came from.
--
-- NCDB: the analytic stage group. It prefers the pathologic stage, so it conditions on surgery.
-- SEER, by year of diagnosis: 1988-2003 adjusted AJCC 6th, 2004-2009 derived 6th, 2010-2015 derived 7th, 2016-2017
-- the combined stage group, from 2018 the EOD 2018 stage group. No field stands in for another: a series that crosses
-- 2004 uses stage_iv_adjusted_ajcc6 to 2015, because supraclavicular nodes were M1 before the 6th edition and a
-- splice manufactures stage migration. Before 1988 there is only summary stage.
-- Mapped source: stage at diagnosis as the mapping gives it, else the best recorded group.
-- (SEER*Stat staging fields; NCDB PUF dictionary.)
select
    source_file,
    source_record,
    case
        when source = 'ncdb' then analytic_stage_group
        when source = 'mapped'
            then coalesce(stage_at_diagnosis, analytic_stage_group, pathologic_stage_group, clinical_stage_group)
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
        when year_of_diagnosis between 1988 and 2003 then 'ajcc6_adjusted'
        when year_of_diagnosis between 2004 and 2009 then 'ajcc6_derived'
        when year_of_diagnosis between 2010 and 2015 then 'ajcc7_derived'
        when year_of_diagnosis between 2016 and 2017 then 'seer_combined_2016'
        when year_of_diagnosis >= 2018 then 'eod_2018'
        else 'none'
    end as stage_edition
from staged
