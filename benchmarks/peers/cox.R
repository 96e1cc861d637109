# Seconds of R's Cox fit: `Rscript cox.R <folder> <rows> <covariates> <coxph | coxph.fit | clustered>`.
# The folder holds doubles, one file each: time, event, cluster, x (column after column). Reading is not timed.
suppressPackageStartupMessages(library(survival))
given <- commandArgs(TRUE)
n <- as.integer(given[2]); p <- as.integer(given[3])
doubles <- function(name, size) readBin(file.path(given[1], name), "double", size)
time <- doubles("time", n); event <- doubles("event", n); pair <- doubles("cluster", n)
x <- matrix(doubles("x", n * p), n)
colnames(x) <- paste0("x", seq_len(p))
people <- data.frame(time, event, x)
fit <- switch(given[4],
  "coxph" = function() coxph(Surv(time, event) ~ ., people)$coefficients,
  "clustered" = function() coxph(Surv(time, event) ~ ., people, cluster = pair)$coefficients,
  "coxph.fit" = function()
    coxph.fit(x, Surv(time, event), NULL, NULL, NULL, coxph.control(), NULL, "efron", NULL)$coefficients
)
seconds <- system.time(estimate <- fit())[["elapsed"]]
cat(sprintf('{"seconds": %.6f, "version": "%s", "first": %.12f}\n',
            seconds, packageVersion("survival"), estimate[[1]]))
