# Aalen-Johansen curves, Gray's test, Fine and Gray's regression: what survival and cmprsk return.
# The frozen numbers of pbc_trial are those of survival 3.8-6; 3.5-3 gives the same to the last digits.
suppressPackageStartupMessages({library(survival); library(cmprsk)})
source("r/common.R")
tight <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)

# The PBC trial in whole months (many ties), with weights, late entries and centres made up from row numbers.
pbc <- read("pbc_trial")
i <- seq_len(nrow(pbc))
months <- data.frame(id = i, month = pmax(ceiling(pbc$etime / 30.4375), 1), ev = pbc$ev, trt = pbc$trt,
                     age = round(pbc$age, 3), bili = pbc$bili, stage = pbc$stage,
                     w = round(0.25 + (i %% 7) / 3, 4), centre = i %% 40)
months$entry <- ifelse(i %% 3 == 0, pmin(months$month - 1, 6), 0)
write.csv(months, file.path(folder, "pbc_months.csv"), row.names = FALSE)
months$cause <- factor(months$ev, 0:2, c("censor", "transplant", "death"))
at <- c(6, 24, 60, 120)

# The trial in days.
days <- c(365, 1095, 1825, 3650)
pbc$cause <- factor(pbc$ev, 0:2, c("censor", "transplant", "death"))
by_arm <- survfit(Surv(etime, cause) ~ trt, pbc)
s <- summary(by_arm, times = days)
save_value("aalen_johansen", "pbc_trial",
           "summary(survfit(Surv(time, factor(status)) ~ trt), times = c(365, 1095, 1825, 3650))",
           list(states = by_arm$states, pstate = unname(s$pstate), std_err = unname(s$std.err)))
curves <- with(pbc, cuminc(etime, ev, trt))
s <- timepoints(curves, days)
save_value("cuminc_gray", "pbc_trial",
           "cmprsk::cuminc(time, status, trt); timepoints(365, 1095, 1825, 3650); status 1 = transplant, 2 = death",
           list(rows = rownames(s$est), est = unname(s$est), var = unname(s$var),
                gray = unname(curves$Tests), gray_rows = rownames(curves$Tests)), "cmprsk")
fit <- coxph(Surv(etime, ev == 2) ~ trt + age + bili, pbc)
save_value("cause_specific_cox", "pbc_trial", "coxph(Surv(time, status == 2) ~ trt + age + bili)",
           list(coef = as.list(coef(fit)), var = unname(fit$var), naive_var = NULL, loglik = fit$loglik,
                score = fit$score, wald = unname(fit$wald.test), n = fit$n, nevent = fit$nevent,
                concordance = unname(summary(fit)$concordance[1]), conf_int_95 = unname(confint(fit))))
expanded <- finegray(Surv(etime, cause) ~ trt + age + bili + id, pbc, etype = "death")
for (ties in c("efron", "breslow")) {
  fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ trt + age + bili, expanded, weights = fgwt, cluster = id,
               ties = ties, control = tight)
  save_value(paste0("x_finegray_cluster_", ties), "pbc_trial",
             sprintf("coxph(Surv(fgstart, fgstop, fgstatus) ~ trt + age + bili, weights = fgwt, cluster = pid, ties = '%s', finegray(...))", ties),
             list(coef = as.list(coef(fit)), var = unname(fit$var), naive_var = unname(fit$naive.var),
                  loglik = fit$loglik, score = fit$score, wald = unname(fit$wald.test), n = fit$n,
                  nevent = fit$nevent))
}
fit <- with(pbc, crr(etime, ev, cbind(trt, age, bili), failcode = 2, gtol = 1e-13, maxiter = 200))
save_value("x_finegray_crr_tight", "pbc_trial", "crr(gtol = 1e-13)",
           list(coef = unname(fit$coef), var = unname(fit$var)), "cmprsk")

curve <- function(name, fit_of, kinds = "log") {
  value <- list(times = at)
  for (kind in kinds) {
    s <- summary(fit_of(kind), times = at)
    value <- c(value, list(pstate = unname(s$pstate), std_err = unname(s$std.err)),
               setNames(list(unname(s$lower), unname(s$upper)), paste0(c("lower_", "upper_"), sub("-", "", kind))))
  }
  value <- value[!duplicated(names(value))]
  save_value(name, "pbc_months", deparse1(body(fit_of)), value)
}
curve("r_competing_aalen_johansen_intervals",
      function(kind) survfit(Surv(month, cause) ~ 1, months, conf.type = kind), c("log", "log-log", "plain"))
curve("r_competing_aalen_johansen_weights",
      function(kind) survfit(Surv(month, cause) ~ 1, months, weights = w, conf.type = kind))
# With clusters the two-state curve only: survfit's several-state errors (3.5-3) are not those of its own
# two-state curve, which are the derivative by the clusters' weights.
two <- summary(survfit(Surv(month, ev > 0) ~ 1, months, weights = w, cluster = centre), times = at)
save_value("r_competing_aalen_johansen_clusters", "pbc_months",
           "survfit(Surv(month, ev > 0) ~ 1, weights = w, cluster = centre)",
           list(times = at, surv = two$surv, std_err = two$std.err))
curve("r_competing_aalen_johansen_left_truncated",
      function(kind) survfit(Surv(entry, month, cause) ~ 1, months, id = id, weights = w, conf.type = kind))

gray <- function(name, group, strata, rho) {
  call <- sprintf("cuminc(month, ev, group = %s, strata = %s, rho = %g)$Tests", deparse1(substitute(group)),
                  deparse1(substitute(strata)), rho)
  value <- cuminc(months$month, months$ev, group, strata, rho = rho)$Tests
  save_value(name, "pbc_months", call, list(statistic = unname(value[, "stat"]), p = unname(value[, "pv"])),
             "cmprsk")
}
gray("r_competing_gray_three_groups", pmax(months$stage, 2), rep(1, nrow(months)), 0)
gray("r_competing_gray_strata_rho", pmax(months$stage, 2), months$trt, 1)

numbers <- function(fit) list(coef = unname(coef(fit)), var = unname(fit$var), naive_var = unname(fit$naive.var),
                              loglik = fit$loglik, score = fit$score, wald = unname(fit$wald.test))
expanded_fit <- function(expanded, ties, formula = Surv(fgstart, fgstop, fgstatus) ~ trt + age + bili)
  coxph(formula, expanded, weights = fgwt, cluster = id, ties = ties, control = tight)
for (ties in c("efron", "breslow")) {
  fit <- expanded_fit(finegray(Surv(month, cause) ~ ., months, etype = "death"), ties)
  save_value(paste0("r_competing_finegray_months_", ties), "pbc_months",
             sprintf("coxph(..., finegray(Surv(month, cause) ~ .), weights = fgwt, cluster = id, ties = '%s')", ties),
             numbers(fit))
}
base <- survfit(fit, newdata = data.frame(trt = 1, age = 50, bili = 3))
curve_at <- summary(base, times = at)
save_value("r_competing_finegray_predicted", "pbc_months",
           "1 - survfit(breslow fit, newdata = (trt 1, age 50, bili 3)) at 6, 24, 60, 120",
           list(times = at, incidence = 1 - curve_at$surv))
fit <- expanded_fit(finegray(Surv(month, cause) ~ ., months, etype = "death", weights = w), "efron")
save_value("r_competing_finegray_weights", "pbc_months", "the same with finegray(weights = w), efron", numbers(fit))
fit <- expanded_fit(finegray(Surv(month, cause) ~ . + strata(trt), transform(months, trt = trt), etype = "death"),
                    "efron", Surv(fgstart, fgstop, fgstatus) ~ age + bili + strata(trt))
save_value("r_competing_finegray_strata", "pbc_months",
           "finegray(Surv(month, cause) ~ . + strata(trt)), covariates age, bili and strata(trt), efron", numbers(fit))
fit <- expanded_fit(finegray(Surv(entry, month, cause) ~ ., months, etype = "death", id = id), "efron")
save_value("r_competing_finegray_left_truncated", "pbc_months",
           "finegray(Surv(entry, month, cause) ~ ., id = id), efron", numbers(fit))
fit <- expanded_fit(finegray(Surv(month, cause) ~ ., months, etype = "death"), "efron")
for (transform in c("identity", "log")) {
  test <- cox.zph(fit, transform = transform, terms = FALSE)
  save_value(paste0("r_competing_finegray_zph_", transform), "pbc_months",
             sprintf("cox.zph(efron fit on finegray rows, transform = '%s')", transform),
             list(chisq = unname(test$table[, "chisq"]), p = unname(test$table[, "p"])))
}
x <- with(months, cbind(trt, age, bili))
fit <- crr(months$month, months$ev, x, failcode = 2, gtol = 1e-13, maxiter = 200)
predicted <- predict(fit, c(1, 50, 3))
step <- function(t) c(0, predicted[, 2])[findInterval(t, predicted[, 1]) + 1]
save_value("r_competing_crr_months", "pbc_months", "crr(month, ev, cbind(trt, age, bili), failcode = 2, gtol = 1e-13)",
           list(coef = unname(fit$coef), var = unname(fit$var), loglik = c(fit$loglik.null, fit$loglik),
                times = at, incidence = step(at)), "cmprsk")
fit <- crr(months$month, months$ev, x[, 2:3], cengroup = months$trt, failcode = 2, gtol = 1e-13, maxiter = 200)
save_value("r_competing_crr_cengroup", "pbc_months",
           "crr(month, ev, cbind(age, bili), cengroup = trt, failcode = 2, gtol = 1e-13)",
           list(coef = unname(fit$coef), var = unname(fit$var)), "cmprsk")
