-- One row per record: metastatic at diagnosis, under both policies, with the evidence.
--
-- stage_iv, policy stage_group (what the papers did): group 4 true, 0-3 false, else null; on a mapped source M decides
-- where there is no group.
-- stage_iv_clinical: clinical M1 or clinical group IV, known before surgery. Disease found at the operation puts people
-- into the operated arm who would never have been in the other.
-- stage_iv_any_evidence: true on any M1; false where there is none and the group is 0-3 or M0 is explicit; else null.
-- Organ flags that say no are not an explicit M0; summary stage is not evidence.
-- metastatic_at_diagnosis: stage_iv, and any evidence where the group is silent.
-- stage_iv_rests_on_eod_00: nothing says M0 but EOD Mets 00, which includes unknown, and the M0 derived from it.
-- stage_iv_conflict: one piece says M1 and another M0. A finding for the quality report, never settled here.
with pieces as (
    select
        stage_evidence.*,
        stage_of_source.stage_edition,
        stage_of_source.received_group,
        staged.source,
        staged.stage_ajcc6_adjusted,
        staged.stage_ajcc6_derived,
        [
            evidence_stage_group,
            evidence_clinical_m,
            evidence_pathologic_m,
            evidence_derived_m,
            evidence_clinical_stage,
            evidence_pathologic_stage,
            evidence_cs_mets,
            evidence_eod_mets
        ] as says
    from stage_evidence
    inner join stage_of_source using (source_file, source_record)
    inner join staged using (source_file, source_record)
),

judged as (
    select
        *,
        coalesce(list_contains(says, true) or evidence_organ_mets, list_contains(says, true)) as says_m1,
        list_contains(says, false) as says_m0
    from pieces
),

decided as (
    select
        *,
        case
            when source = 'mapped'
                then
                    coalesce(
                        evidence_stage_group,
                        case
                            when evidence_clinical_m or evidence_pathologic_m or evidence_derived_m then true
                            else coalesce(evidence_clinical_m, evidence_pathologic_m, evidence_derived_m)
                        end
                    )
            else evidence_stage_group
        end as stage_iv,
        case when says_m1 then true when says_m0 then false end as stage_iv_any_evidence
    from judged
)

select
    source_file,
    source_record,
    case
        when received_group is null then 'not_released'
        when received_group in ('blank', 'unmapped') then 'unknown'
        else received_group
    end as stage_group,
    stage_edition,
    stage_iv,
    case
        when evidence_clinical_m or evidence_clinical_stage then true
        else coalesce(evidence_clinical_m, evidence_clinical_stage)
    end as stage_iv_clinical,
    stage_iv_any_evidence,
    evidence_stage_group,
    evidence_clinical_m,
    evidence_pathologic_m,
    evidence_derived_m,
    evidence_clinical_stage,
    evidence_pathologic_stage,
    evidence_cs_mets,
    evidence_eod_mets,
    evidence_organ_mets,
    summary_distant,
    case when stage_ajcc6_adjusted = '4' then true when stage_ajcc6_adjusted in ('0', '1', '2', '3') then false end
        as stage_iv_adjusted_ajcc6,
    case when stage_ajcc6_derived = '4' then true when stage_ajcc6_derived in ('0', '1', '2', '3') then false end
        as stage_iv_ajcc6_derived,
    coalesce(stage_iv, stage_iv_any_evidence) as metastatic_at_diagnosis,
    case when says_m1 or says_m0 then says_m1 and says_m0 end as stage_iv_conflict,
    coalesce(
        not stage_iv_any_evidence
        and eod_says_00
        and len(list_filter(says, lambda piece: piece is false)) = if(m0_is_of_eod_00, 2, 1),
        false
    ) as stage_iv_rests_on_eod_00
from decided
