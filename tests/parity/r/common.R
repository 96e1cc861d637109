# What every script of this folder needs. Run one from tests/parity: `Rscript r/<topic>.R [folder]`.
# Reads the CSV files of the folder (default: fixtures) and writes its JSON files beside them.
library(jsonlite)

folder <- if (length(commandArgs(TRUE))) commandArgs(TRUE)[1] else "fixtures"
read <- function(name) read.csv(file.path(folder, paste0(name, ".csv")))

save_value <- function(name, data, call, value, packages = "survival") {
  versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
  versions <- c(list(R = paste(R.version$major, R.version$minor, sep = ".")), versions)
  content <- list(name = name, data = data, call = call, versions = versions, value = value)
  write_json(content, file.path(folder, paste0(name, ".json")),
             digits = 15, auto_unbox = TRUE, na = "null", pretty = TRUE)
}
