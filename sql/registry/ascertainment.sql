-- One row per column of the tumor table, for this source and release: can it answer, and if not, why. And one per
-- variable that has no column because no source records it (lesion counts).
--
-- What the codebook says of the source holds, unless no row of this extract can answer (every row is null or says
-- not_released): then the column is not released here, whatever the release usually has. A NAACCR file has every item of
-- its version, filled or not: there a column that is unknown in every row is one that this registry does not fill.
-- disease_presentation is not released where nobody but the de novo has one: without a first recurrence in any record, an
-- arm of metachronous disease would be empty and look like a finding.
-- An extract of years before an item began holds nothing of it either: there the codebook's not_collected_before stays.
with answers as (
    select
        coalesce(
            max(
                case
                    when columns(tumor.*)::varchar = 'not_collected' then 1
                    when columns(tumor.*)::varchar = 'not_released' then 2
                    when facts.source = 'naaccr' and columns(tumor.*)::varchar in ('unknown', 'blank') then null
                    when columns(tumor.*)::varchar is not null then 3
                end
            ),
            0
        )
    from tumor
    cross join submission_facts as facts
),

presented as (
    select
        coalesce(
            bool_or(disease_presentation = 'not_released')
            and bool_and(disease_presentation in ('de_novo', 'not_released')),
            false
        ) as de_novo_alone
    from tumor
),

described as (
    select
        variable,
        highest in (0, 2)
        or (highest = 1 and coalesce(known.status, '') not like 'not_collected_before_%')
        or (variable = 'disease_presentation' and de_novo_alone) as is_empty
    from (unpivot answers on columns(*) into name variable value highest)
    left join ascertainment_facts as known using (variable)
    cross join presented
)

select
    facts.source,
    facts.release,
    variable,
    case when described.is_empty then 'not_released' else coalesce(known.status, 'recorded') end as status,
    case
        when described.is_empty and coalesce(known.status, '') <> 'not_released' and variable = 'disease_presentation'
            then 'No row of this extract says whether the cancer came back.'
        when described.is_empty and coalesce(known.status, '') <> 'not_released' then 'No row of this extract has it.'
        else coalesce(known.reason, 'As received or derived; see the data dictionary.')
    end as reason,
    coalesce(known.reference, 'pipelines/registry/columns.csv') as reference
from described
full outer join ascertainment_facts as known using (variable)
cross join submission_facts as facts
