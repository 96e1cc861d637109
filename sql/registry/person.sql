-- One row per record: who the person was at diagnosis.
--
-- A field that the extract does not have is not_released; one that is empty, or holds a code that no table knows,
-- is unknown. Missing is never "no".
-- race_ethnicity: Hispanic first, whatever the race; surname-only and unknown origin go by race, and hispanic_origin
-- stands beside it for a study with another policy. An extract without origin has race alone: nobody in it is called
-- non-Hispanic. (NAACCR items 160, 190.)
-- age_group: from single years, else from the released band; five-year bands never straddle ours.
-- Facility items under age 40 are suppressed by NCDB: withheld, so that no complete-case rule drops young women
-- without saying so. (NCDB PUF dictionary.)
select
    staged.source_file,
    staged.source_record,
    year_of_diagnosis,
    age_years as age_at_diagnosis_years,
    age_top_coded,
    case
        when age_years < 40 then 'under_40'
        when age_years < 50 then '40-49'
        when age_years < 60 then '50-59'
        when age_years < 70 then '60-69'
        when age_years < 80 then '70-79'
        when age_years >= 80 then '80+'
        when age_band in ('00', '00-04', '01-04', '05-09', '10-14', '15-19', '20-24', '25-29', '30-34', '35-39')
            then 'under_40'
        when age_band in ('40-44', '45-49') then '40-49'
        when age_band in ('50-54', '55-59') then '50-59'
        when age_band in ('60-64', '65-69') then '60-69'
        when age_band in ('70-74', '75-79') then '70-79'
        when age_band in ('80-84', '85+', '85-89', '90+') then '80+'
        else 'unknown'
    end as age_group,
    case when sex is null then 'not_released' when sex in ('blank', 'unmapped') then 'unknown' else sex end as sex,
    case
        when hispanic = 'hispanic' then 'hispanic'
        when race is null or hispanic is null then 'not_released'
        when race in ('unknown', 'blank', 'unmapped') then 'unknown'
        else 'non_hispanic_' || race
    end as race_ethnicity,
    case
        when hispanic is null then 'not_released'
        when hispanic in ('blank', 'unmapped') then 'unknown'
        else hispanic
    end as hispanic_origin,
    case when race is null then 'not_released' when race in ('blank', 'unmapped') then 'unknown' else race end as race,
    case
        when marital_status is null then 'not_released'
        when marital_status in ('blank', 'unmapped') then 'unknown'
        else marital_status
    end as marital_status,
    case
        when payer is null then 'not_released'
        when payer in ('blank', 'unmapped') then 'unknown'
        else payer
    end as primary_payer,
    case
        when income_quartile_2000 is null then 'not_released'
        when income_quartile_2000 in ('blank', 'unmapped') then 'unknown'
        else income_quartile_2000
    end as income_quartile_2000,
    case
        when income_quartile_2012 is null then 'not_released'
        when income_quartile_2012 in ('blank', 'unmapped') then 'unknown'
        else income_quartile_2012
    end as income_quartile_2012,
    case
        when income_quartile_2016 is null then 'not_released'
        when income_quartile_2016 in ('blank', 'unmapped') then 'unknown'
        else income_quartile_2016
    end as income_quartile_2016,
    case
        when income_quartile_2020 is null then 'not_released'
        when income_quartile_2020 in ('blank', 'unmapped') then 'unknown'
        else income_quartile_2020
    end as income_quartile_2020,
    case
        when education_quartile_2000 is null then 'not_released'
        when education_quartile_2000 in ('blank', 'unmapped') then 'unknown'
        else education_quartile_2000
    end as education_quartile_2000,
    case
        when education_quartile_2012 is null then 'not_released'
        when education_quartile_2012 in ('blank', 'unmapped') then 'unknown'
        else education_quartile_2012
    end as education_quartile_2012,
    case
        when education_quartile_2016 is null then 'not_released'
        when education_quartile_2016 in ('blank', 'unmapped') then 'unknown'
        else education_quartile_2016
    end as education_quartile_2016,
    case
        when education_quartile_2020 is null then 'not_released'
        when education_quartile_2020 in ('blank', 'unmapped') then 'unknown'
        else education_quartile_2020
    end as education_quartile_2020,
    case
        when rurality is null then 'not_released'
        when rurality in ('blank', 'unmapped') then 'unknown'
        else rurality
    end as rurality,
    case
        when facility_type is null then 'not_released'
        when facility_type = 'blank' and source = 'ncdb' and age_years < 40 then 'withheld'
        when facility_type in ('blank', 'unmapped') then 'unknown'
        else facility_type
    end as facility_type,
    case
        when facility_location is null then 'not_released'
        when facility_location = 'blank' and source = 'ncdb' and age_years < 40 then 'withheld'
        when facility_location in ('blank', 'unmapped') then 'unknown'
        else facility_location
    end as facility_location,
    distance_miles,
    case
        when medicaid_expansion is null then 'not_released'
        when medicaid_expansion in ('blank', 'unmapped') then 'unknown'
        else medicaid_expansion
    end as medicaid_expansion,
    case
        when comorbidity.charlson_deyo is null then 'not_released'
        when comorbidity.charlson_deyo in ('blank', 'unmapped') then 'unknown'
        else comorbidity.charlson_deyo
    end as charlson_deyo
from staged
inner join comorbidity using (source_file, source_record)
