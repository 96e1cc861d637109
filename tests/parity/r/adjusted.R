# Adjusted curves: Kaplan-Meier and Aalen-Johansen weighted by propensity scores, Cox models averaged over
# people. Standard errors take the weights as known.
suppressPackageStartupMessages(library(survival))
source("r/common.R")
pbc <- read("pbc_months")
pbc$treated <- as.integer(pbc$trt == 1)
pbc$cause <- factor(pbc$ev, 0:2, c("censor", "transplant", "death"))
pbc$dead <- as.integer(pbc$ev > 0)
at <- c(12, 60, 100)
tau <- 100
tight <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)

score <- fitted(glm(treated ~ age + bili + stage, binomial, pbc, control = glm.control(1e-15, 100)))
pbc$ate <- with(pbc, ifelse(treated == 1, 1 / score, 1 / (1 - score)))
pbc$att <- with(pbc, ifelse(treated == 1, 1, score / (1 - score)))
for (target in c("ate", "att")) {
  pbc$weight <- pbc[[target]]
  curves <- survfit(Surv(month, dead) ~ treated, pbc, weights = weight, robust = TRUE)
  found <- summary(curves, times = at)
  means <- summary(survfit(Surv(month, dead) ~ treated, pbc, weights = weight), rmean = tau)$table[, "rmean"]
  states <- summary(survfit(Surv(month, cause) ~ treated, pbc, weights = weight), times = at)
  save_value(paste0("r_adjusted_weighted_", target), "pbc_months",
             sprintf("survfit(Surv(month, ev > 0) ~ trt == 1, weights = %s of a logistic score on age, bili, stage)",
                     toupper(target)),
             list(times = at, surv = matrix(found$surv, 2, byrow = TRUE),
                  std_err = matrix(found$std.err, 2, byrow = TRUE), rmean = unname(means),
                  death = matrix(states$pstate[, 3], 2, byrow = TRUE)))
}

step_area <- function(time, surv) {
  inside <- time < tau
  sum(diff(c(0, time[inside], tau)) * c(1, surv[inside]))
}
average <- function(fit, target) {
  curve <- survfit(fit, newdata = target)
  mean_curve <- rowMeans(curve$surv)
  list(surv = rowMeans(summary(curve, times = at)$surv), area = step_area(curve$time, mean_curve))
}
formula <- Surv(month, dead) ~ age + bili + stage
for (target in c("ATE", "ATT")) {
  people <- if (target == "ATE") pbc else pbc[pbc$treated == 1, ]
  by_arm <- list()
  for (arm in 0:1) {  # survfit looks the data up again, so they need a name here
    own <- pbc[pbc$treated == arm, ]
    by_arm[[arm + 1]] <- average(coxph(formula, own, control = tight), people)
  }
  one <- coxph(update(formula, ~ treated + .), pbc, control = tight)
  common <- lapply(0:1, function(a) average(one, transform(people, treated = a)))
  value <- list(times = at)
  for (kind in c("by_arm", "proportional")) {
    found <- if (kind == "by_arm") by_arm else common
    value[[paste0("surv_", kind)]] <- do.call(rbind, lapply(found, `[[`, "surv"))
    value[[paste0("rmean_", kind)]] <- sapply(found, `[[`, "area")
  }
  save_value(paste0("r_adjusted_standardised_", tolower(target)), "pbc_months",
             sprintf("mean over %s of survfit(coxph(Surv(month, ev > 0) ~ age + bili + stage), newdata), by arm and with trt == 1 in one model",
                     target), value)
}
