-- One row per column of the tumor table, for this source and release: can it answer, and if not, why. And one per
-- variable that has no column because no source records it (lesion counts).
--
-- What the codebook says of the source holds, unless no row of this extract can answer (every row is null or says
-- not_released): then the column is not released here, whatever the release usually has.
with answers as (
    select coalesce(max(nullif(columns(*)::varchar, 'not_released')), '') from tumor
),

described as (
    select
        variable,
        highest = '' as is_empty
    from (unpivot answers on columns(*) into name variable value highest)
)

select
    facts.source,
    facts.release,
    variable,
    case when described.is_empty then 'not_released' else coalesce(known.status, 'recorded') end as status,
    case
        when described.is_empty and coalesce(known.status, '') <> 'not_released' then 'No row of this extract has it.'
        else coalesce(known.reason, 'As received or derived; see the data dictionary.')
    end as reason,
    coalesce(known.reference, 'pipelines/registry/columns.csv') as reference
from described
full outer join ascertainment_facts as known using (variable)
cross join submission_facts as facts
