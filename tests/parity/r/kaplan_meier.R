# Survival curves, their quantiles and areas, and rank tests. Debian: r-cran-survival, r-cran-survmisc.
source("r/common.R")
suppressPackageStartupMessages({library(survival); library(survMisc)})

lung <- read("lung_months")
lung$id <- (seq_len(nrow(lung)) - 1) %/% 3

points_of <- function(k) list(strata = unname(k$strata), time = k$time, n_risk = k$n.risk,
                              n_event = k$n.event, surv = k$surv, lower = k$lower, upper = k$upper)

k <- survfit(Surv(entry, month, dead) ~ sex, lung, weights = w, cluster = id, conf.type = "log-log")
save_value("r_km_late_weights_cluster", "lung_months",
           "survfit(Surv(entry, month, dead) ~ sex, weights = w, cluster = row %/% 3, conf.type = 'log-log')",
           points_of(k))

# R keeps deaths at the start time itself: from just after month 6 on is given alive at 6.
k <- survfit(Surv(month, dead) ~ sex, lung, start.time = 6.5, conf.type = "log")
s <- summary(k, times = c(12, 18))
save_value("r_km_given_alive_at_6", "lung_months", "survfit(Surv(month, dead) ~ sex, start.time = 6.5) at 12 and 18",
           list(surv = s$surv, std_err = s$std.err, lower = s$lower, upper = s$upper))

s <- summary(survfit(Surv(month, dead) ~ sex, lung, conf.type = "logit"), times = c(6, 12, 24))
save_value("r_km_at_times", "lung_months", "summary(survfit(Surv(month, dead) ~ sex, conf.type = 'logit'), times = c(6, 12, 24))",
           list(n_risk = s$n.risk, surv = s$surv, std_err = s$std.err, lower = s$lower, upper = s$upper))

# Deaths leave before the censored of their month; half a month is taken off again.
later <- lung$month + ifelse(lung$dead == 0, 0.5, 0)
q <- quantile(survfit(Surv(later, 1 - lung$dead) ~ 1, conf.type = "log-log"), c(0.25, 0.5, 0.75))
save_value("r_follow_up_quantiles", "lung_months",
           "quantile(survfit(Surv(month + 0.5 * (dead == 0), 1 - dead) ~ 1, conf.type = 'log-log')), whole months",
           lapply(q, function(x) floor(unname(x))))

# Restricted means whose variance is the sum of squared weighted influences.
k <- survfit(Surv(month, dead) ~ sex, lung, weights = w, robust = TRUE)
influence <- residuals(k, times = 12, type = "rmst", weighted = TRUE)
lung$row <- seq_len(nrow(lung))
late <- survfit(Surv(entry, month, dead) ~ sex, lung, weights = w, id = row, robust = TRUE)
influence_late <- residuals(late, times = 12, type = "rmst", weighted = TRUE)
means <- function(k) unname(summary(k, rmean = 12)$table[, 5])
spread <- function(u) sqrt(tapply(u^2, lung$sex, sum))
save_value("r_rmst_weights_robust", "lung_months", "residuals(survfit(Surv(month, dead) ~ sex, weights = w), times = 12, type = 'rmst')",
           list(mean = means(k), std_err = as.vector(spread(influence)),
                late_mean = means(late), late_std_err = as.vector(spread(influence_late))))

# Two arms, times weighted in the ways people weight them. survMisc takes ties as if they were none, so there are none.
lung$apart <- lung$month + lung$row / 1000
two <- ten(survfit(Surv(apart, dead) ~ sex, lung))
invisible(capture.output(comp(two, p = c(1, 0.5), q = c(1, 2))))
tests <- attr(two, "lrt")
save_value("r_logrank_family", "lung_months",
           "survMisc::comp(ten(survfit(Surv(month + row / 1000, dead) ~ sex)), p = c(1, 0.5), q = c(1, 2))",
           as.list(setNames(tests$Z^2, as.character(tests$W))), c("survival", "survMisc"))

lung$healthy <- lung$ph.ecog == 0
score <- function(m) drop(m$rscore)
save_value("r_logrank_robust", "lung_months", "robust score tests of coxph(ties = 'breslow')",
           list(weights = score(coxph(Surv(month, dead) ~ sex, lung, weights = w, robust = TRUE, ties = "breslow")),
                cluster = score(coxph(Surv(month, dead) ~ sex, lung, cluster = id, ties = "breslow")),
                late_weights_strata = score(coxph(Surv(entry, month, dead) ~ sex + strata(healthy), lung, weights = w,
                                                  cluster = id, ties = "breslow")),
                three_groups = score(coxph(Surv(month, dead) ~ factor(pmin(ph.ecog, 2)), lung, weights = w,
                                           robust = TRUE, ties = "breslow"))))

# Without ties the score test is the log-rank test, with late entry too.
m <- coxph(Surv(entry, apart, dead) ~ sex, lung)
save_value("r_logrank_late", "lung_months", "score test of coxph(Surv(entry, month + row / 1000, dead) ~ sex)",
           list(chisq = m$score))

# Pairs: the i-th man with the i-th woman.
men <- which(lung$sex == 1)[1:90]
women <- which(lung$sex == 2)[1:90]
pairs <- rbind(cbind(lung[men, ], pair = 1:90), cbind(lung[women, ], pair = 1:90))
d <- survdiff(Surv(month, dead) ~ sex + strata(pair), pairs)
save_value("r_logrank_pairs", "lung_months", "survdiff(Surv(month, dead) ~ sex + strata(pair)); coxph(cluster = pair, ties = 'breslow')",
           list(stratified = d$chisq, jung = coxph(Surv(month, dead) ~ sex, pairs, cluster = pair, ties = "breslow") |> score()))
