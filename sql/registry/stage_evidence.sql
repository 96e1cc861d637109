-- One row per record: every piece of evidence about metastasis at diagnosis, each its own nullable boolean.
--
-- True is M1, false is an explicit M0 (c0(i+) and CS 05, 07 and EOD 05 are M0), null says nothing: a blank or 88
-- pathologic M is never M0. EOD 00 is false though it includes unknown. Organ flags: true on any yes, or other site
-- 1 or 2; false where no flag is unknown; it never proves M0, since nodes and skin have no flag before 2016.
-- derived_m is M as the source derives it, in any edition, or as a mapped source gives it without saying its basis. The
-- 7th edition derives M0 from CS Mets 99, unknown: such an M0 is no evidence. Where CS Mets is not in the extract nobody
-- can tell, and the derived M0 stands.
-- What was staged after therapy (yp) never downstages: its M1 and its group IV count, its M0 and other groups do not.
-- (AJCC 6th-8th; Collaborative Stage 02.05 CS Mets at DX; EOD 3.3 Mets, breast.)
with received as (
    select
        staged.*,
        received_group,
        case
            when cs_mets_at_dx = 'unknown' and m_ajcc7_derived = 'm0' then 'mx'
            else m_ajcc7_derived
        end as m_ajcc7_known,
        [m_ajcc6_derived, m_ajcc7_known, m_ajcc6_adjusted, m_combined_2016, m_eod_2018, m_at_diagnosis] as m_values
    from staged
    inner join stage_of_source using (source_file, source_record)
)

select
    source_file,
    source_record,
    case when received_group = '4' then true when received_group in ('0', '1', '2', '3') then false end
        as evidence_stage_group,
    case when clinical_m = 'm1' then true when clinical_m in ('m0', 'm0_itc') then false end as evidence_clinical_m,
    case
        when pathologic_m = 'm1' then true
        when pathologic_m in ('m0', 'm0_itc') and coalesce(pathologic_after_therapy, 'no') <> 'yes' then false
    end as evidence_pathologic_m,
    case
        when list_contains(m_values, 'm1') then true
        when list_contains(m_values, 'm0') then false
        when list_contains(m_values, 'm0_itc') then false
    end as evidence_derived_m,
    case when clinical_stage_group = '4' then true when clinical_stage_group in ('0', '1', '2', '3') then false end
        as evidence_clinical_stage,
    case
        when pathologic_stage_group = '4' then true
        when
            pathologic_stage_group in ('0', '1', '2', '3') and coalesce(pathologic_after_therapy, 'no') <> 'yes'
            then false
    end as evidence_pathologic_stage,
    case
        when cs_mets_at_dx in ('distant_nodes', 'distant', 'distant_nodes_and_other') then true
        when cs_mets_at_dx in ('none', 'itc') then false
    end as evidence_cs_mets,
    case when eod_mets = 'distant' then true when eod_mets in ('none', 'itc') then false end as evidence_eod_mets,
    coalesce(eod_mets = 'none', false) as eod_says_00,
    coalesce(eod_mets = 'none' and m_eod_2018 = 'm0', false) as m0_is_of_eod_00,
    case
        when 'yes' in (mets_bone, mets_brain, mets_liver, mets_lung, mets_distant_ln, mets_other) then true
        when mets_other = 'generalized' then true
        when
            mets_bone = 'no'
            and mets_brain = 'no'
            and mets_liver = 'no'
            and mets_lung = 'no'
            and coalesce(nullif(mets_distant_ln, 'blank'), 'no') = 'no'
            and coalesce(nullif(mets_other, 'blank'), 'no') = 'no'
            then false
    end as evidence_organ_mets,
    case
        when summary_stage = 'distant' then true
        when summary_stage in ('in_situ', 'localized', 'regional') then false
    end as summary_distant
from received
