-- One row per tumor: time, vital status, cause of death and recurrence.
--
-- The recurrence item holds the first recurrence only and is not updated: see disease_presentation.
select
    tumor.submission,
    tumor.source,
    tumor.source_file,
    tumor.source_record,
    tumor.patient_id,
    tumor.tumor_id,
    tumor.year_of_diagnosis,
    tumor.survival_months,
    tumor.survival_months_flag,
    tumor.entry_months,
    tumor.vital_status,
    tumor.died,
    tumor.withheld_follow_up,
    tumor.cause_of_death_group,
    tumor.died_of_breast_cancer,
    tumor.died_of_other_cause,
    tumor.recurrence_type,
    tumor.months_to_first_recurrence,
    staged.months_to_distant_recurrence,
    tumor.disease_presentation,
    tumor.disease_free_interval_months,
    tumor.survival_from_metastasis_months,
    tumor.entry_from_metastasis_months,
    tumor.died_within_30_days_of_surgery,
    tumor.died_within_90_days_of_surgery,
    tumor.readmitted_30_days,
    tumor.cause_of_death,
    tumor.cause_of_death_revision,
    tumor.recurrence_date_status
from tumor
inner join staged using (source_file, source_record)
