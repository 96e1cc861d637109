-- One row per surgery code of the breast, over the three code lists; the lists share no code.
--
-- Source: NAACCR site-specific surgery codes, breast (items 1290 and 1291).
select
    code,
    value,
    bilateral,
    reconstruction
from codes_surgery_breast_to_2022
union all
select
    code,
    value,
    bilateral,
    reconstruction
from codes_surgery_breast_2023
union all
select
    code,
    value,
    bilateral,
    reconstruction
from codes_surgery_breast_2024
