-- One row per record: the surgery code of its era, and what the code list says it is.
--
-- Two digits to diagnosis year 2022, A codes in 2023, B codes from 2024: text, always, and looked up one by one, because
-- ranges lie (63, 73-76). A dual-coded row of 2022 keeps its two digits, and the B code checks the crosswalk. The
-- reconstruction item (from 2022) is read for reconstruction alone, where the B list, which says nothing of it, is in use:
-- its A6xx codes look like surgery and are not.
-- (NAACCR items 1290, 1291; imsweb site-specific surgery tables 2004-2024.)
with coded as (
    select
        source_file,
        source_record,
        nullif(nullif(trim(surgery_code_to_2022), ''), 'blank') as code_to_2022,
        nullif(nullif(trim(surgery_code_2023), ''), 'blank') as code_2023,
        nullif(nullif(trim(surgery_code_breast_2022), ''), 'blank') as code_breast_2022,
        trim(reconstruction_code) as reconstruction_code,
        coalesce(surgery_code_to_2022, surgery_code_2023, surgery_code_breast_2022) is not null as has_code_item
    from staged
),

chosen as (
    select
        *,
        coalesce(code_to_2022, code_2023, code_breast_2022) as surgery_code
    from coded
)

select
    chosen.source_file,
    chosen.source_record,
    chosen.surgery_code,
    chosen.has_code_item,
    listed.value as listed_surgery,
    listed.bilateral as listed_bilateral,
    case
        when listed.value <> 'none' and starts_with(chosen.surgery_code, 'B')
            then coalesce(rebuilt.value, listed.reconstruction)
        else listed.reconstruction
    end as listed_reconstruction,
    case
        when chosen.code_to_2022 is not null and chosen.code_breast_2022 is not null
            then listed.value <> second_code.value
    end as surgery_crosswalk_conflict
from chosen
left join surgery_codes as listed on chosen.surgery_code = listed.code
left join surgery_codes as second_code on chosen.code_breast_2022 = second_code.code
left join codes_reconstruction_breast as rebuilt on chosen.reconstruction_code = rebuilt.code
