# Rubin's rules for one quantity, five imputed data sets, from the mice package.
source("r/common.R")
suppressPackageStartupMessages(library(mice))

estimates <- c(.50, .55, .47, .60, .52)
variances <- c(.010, .011, .012, .010, .009)
answer <- pool.scalar(estimates, variances, n = 300, k = 4)
save_value("rubin_pool_scalar", "none", "mice::pool.scalar(Q, U, n = 300, k = 4)",
           answer[c("qbar", "ubar", "b", "t", "df", "fmi")], "mice")
