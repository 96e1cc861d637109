# Weighted Cox models with the variance that knows the weights were estimated; balance; three arms.
suppressPackageStartupMessages({library(survival); library(MatchIt); library(nnet); library(numDeriv)})
source("r/common.R")
tight <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)

# Women of the lung data are the treated, weighted to be like the men in age, performance and a made-up hazard.
lung <- read("lung_months")
lung$treated <- as.numeric(lung$sex == 2)
lung$extra <- (seq_len(nrow(lung)) * 7919) %% 13
score_model <- treated ~ age + ph.ecog + extra
score_fit <- glm(score_model, binomial, lung, control = glm.control(1e-15, 100))
design <- model.matrix(score_model, lung)
z <- lung$treated
weights_at <- function(a, estimand, stabilised, share) {
  e <- plogis(drop(design %*% a))
  tilt <- list(ATE = 1, ATT = e, ATC = 1 - e, ATO = e * (1 - e), ATM = pmin(e, 1 - e))[[estimand]]
  w <- tilt / ifelse(z == 1, e, 1 - e)
  if (!stabilised) return(w)
  w * list(ATE = ifelse(z == 1, share, 1 - share), ATT = ifelse(z == 1, 1, (1 - share) / share),
           ATC = ifelse(z == 1, share / (1 - share), 1))[[estimand]]
}
fit_at <- function(theta, estimand, stabilised) {
  lung$w_now <- weights_at(theta[1:4], estimand, stabilised, theta[5])
  coxph(Surv(month, dead) ~ treated, lung, weights = w_now, robust = TRUE, control = tight)
}
top <- c(coef(score_fit), mean(z))
for (estimand in c("ATE", "ATT", "ATC", "ATO", "ATM")) for (stabilised in c(FALSE, TRUE)) {
  if (stabilised && estimand %in% c("ATO", "ATM")) next
  fit <- fit_at(top, estimand, stabilised)
  # What a person moves: the model at fixed weights, plus the weights' parameters times how these move it.
  slope <- jacobian(function(theta) coef(fit_at(theta, estimand, stabilised)), top)
  e <- fitted(score_fit)
  moved <- cbind(((z - e) * design) %*% vcov(score_fit), (z - mean(z)) / nrow(lung))
  influence <- residuals(fit, "dfbeta", weighted = TRUE) + drop(moved %*% t(slope))
  save_value(paste0("r_weights_cox_", tolower(estimand), if (stabilised) "_stabilised" else ""), "lung_months",
             sprintf("coxph(Surv(month, dead) ~ sex == 2, weights of %s%s from glm(sex == 2 ~ age + ph.ecog + extra), robust = TRUE); se_estimated adds how the score's coefficients move the weights", estimand, if (stabilised) ", stabilised" else ""),
             list(log_hr = unname(coef(fit)), se_robust = sqrt(fit$var[1, 1]), se_estimated = sqrt(sum(influence^2)),
                  weight_sum = unname(tapply(weights_at(top[1:4], estimand, stabilised, top[5]), z, sum))))
}

# Truncated at the 5th and 95th percentile of all weights.
w <- weights_at(top[1:4], "ATE", FALSE, top[5])
limits <- quantile(w, c(.05, .95))
lung$w_now <- pmin(pmax(w, limits[1]), limits[2])
fit <- coxph(Surv(month, dead) ~ treated, lung, weights = w_now, robust = TRUE, control = tight)
save_value("r_weights_cox_truncated", "lung_months", "weights of ATE set to their quantiles (type 7) at 0.05 and 0.95",
           list(log_hr = unname(coef(fit)), se_robust = sqrt(fit$var[1, 1]), limits = unname(limits),
                n_truncated = sum(w < limits[1] | w > limits[2])))

# Balance as MatchIt's summary prints it: mean and largest gap of the distribution functions.
people <- read("lalonde")
people$race <- factor(people$race, c("black", "hispan", "white"))
matched <- matchit(treat ~ age + educ + race + married + nodegree + re74 + re75, people, replace = TRUE, ratio = 2)
table <- summary(matched, un = TRUE)
rows <- rownames(table$sum.all)[-1]
ecdf_columns <- c("eCDF Mean", "eCDF Max")
save_value("r_weights_balance_ecdf", "lalonde",
           "summary(matchit(..., replace = TRUE, ratio = 2), un = TRUE): eCDF Mean and eCDF Max, before and after",
           list(weights = unname(matched$weights), rows = rows,
                mean_before = unname(table$sum.all[rows, "eCDF Mean"]), max_before = unname(table$sum.all[rows, "eCDF Max"]),
                mean_after = unname(table$sum.matched[rows, "eCDF Mean"]), max_after = unname(table$sum.matched[rows, "eCDF Max"])),
           "MatchIt")

# A factor as a whole (Yang and Dalton), and three arms: race as the exposure.
share <- unclass(prop.table(base::table(people$treat, people$race), 1))
by_hand <- function(t, c) {
  covariance <- function(p) diag(p) - outer(p, p)
  drop(sqrt((t - c) %*% solve((covariance(t) + covariance(c)) / 2) %*% (t - c)))
}
save_value("r_weights_factor_smd", "lalonde", "Mahalanobis distance of the shares of race, all levels but one, written out",
           list(smd = by_hand(share["1", 2:3], share["0", 2:3]), smd_other_reference = by_hand(share["1", 1:2], share["0", 1:2])), "stats")

arms <- multinom(race ~ I(age / 10) + I(educ / 10) + married + nodegree, people, maxit = 5000, reltol = 1e-16,
                 abstol = 1e-16, trace = FALSE)
e <- fitted(arms)
own <- e[cbind(seq_len(nrow(people)), as.integer(people$race))]
x <- as.matrix(people[, c("age", "educ", "married", "nodegree")])
spread <- sqrt(Reduce(`+`, lapply(levels(people$race), function(l) apply(x[people$race == l, ], 2, var))) / 3)
gaps <- function(w) {
  means <- sapply(levels(people$race), function(l) colSums(x[people$race == l, ] * w[people$race == l]) / sum(w[people$race == l]))
  sapply(list(c(1, 2), c(1, 3), c(2, 3)), function(k) (means[, k[1]] - means[, k[2]]) / spread)
}
weights <- list(ate = 1 / own, att = e[, "hispan"] / own, ato = 1 / rowSums(1 / e) / own, atm = apply(e, 1, min) / own)
for (kind in names(weights)) {
  w <- weights[[kind]]
  save_value(paste0("r_weights_three_arms_", kind), "lalonde",
             sprintf("weights %s of three arms (race) from multinom(race ~ age + educ + married + nodegree); att: hispan", kind),
             list(weight_sum = unname(tapply(w, people$race, sum)), ess = unname(tapply(w, people$race, function(v) sum(v)^2 / sum(v^2))),
                  smd_before = unname(gaps(rep(1, nrow(people)))), smd_after = unname(gaps(w))), "nnet")
}

# Entropy balancing of both arms to everybody's means and squares, by minimising the dual.
balance_terms <- scale(cbind(x[, 1:2], x[, 1:2]^2, x[, 3:4]))
dual <- function(rows) {
  centred <- balance_terms[rows, ]
  value <- function(b) { u <- drop(centred %*% b); max(u) + log(sum(exp(u - max(u)))) }
  b <- numeric(6)
  for (i in 1:100) {
    u <- drop(centred %*% b); w <- exp(u - max(u)); w <- w / sum(w); gradient <- drop(crossprod(centred, w))
    b <- b - solve(crossprod(centred * w, centred) - tcrossprod(gradient), gradient)
    if (max(abs(gradient)) < 1e-14) break
  }
  w
}
treated <- people$treat == 1
save_value("r_weights_entropy_ate", "lalonde", "entropy balancing of age, educ, their squares, married, nodegree to everybody's means, written out",
           list(treated = dual(treated), control = dual(!treated)), "stats")

# Doubly robust survival: riskRegression's estimator in continuous time, and ours written out person by person.
suppressPackageStartupMessages(library(riskRegression))
lung$arm <- factor(lung$treated)
lung$when <- lung$time + seq_len(nrow(lung)) / 1000  # no two people share a time
horizons <- c(180, 365, 540)
outcome <- coxph(Surv(when, dead) ~ strata(arm) + arm:age + arm:ph.ecog + arm:extra, lung, x = TRUE, y = TRUE, control = tight)
theirs <- ate(event = outcome, treatment = glm(arm ~ age + ph.ecog + extra, binomial, lung, control = glm.control(1e-15, 100)),
              censor = coxph(Surv(when, dead == 0) ~ strata(arm), lung, x = TRUE, y = TRUE), data = lung, cause = 1,
              times = horizons, estimator = "AIPTW", product.limit = FALSE, verbose = FALSE)
score <- fitted(score_fit)
by_person <- function(level) {
  own <- z == level
  model <- coxph(Surv(when, dead) ~ age + ph.ecog + extra, lung[own, ], control = tight)
  base <- basehaz(model, centered = FALSE)
  base <- base[diff(c(0, base$hazard)) > 0, ]
  relative <- exp(drop(as.matrix(lung[, c("age", "ph.ecog", "extra")]) %*% coef(model)))
  free <- survfit(Surv(when, 1 - dead) ~ 1, lung[own, ])
  uncensored_before <- function(t) c(1, free$surv)[findInterval(t, free$time, left.open = TRUE) + 1]
  chance_of_arm <- if (level == 1) score else 1 - score
  sapply(horizons, function(t) {
    mean(sapply(seq_len(nrow(lung)), function(i) {
      alive <- function(u) exp(-relative[i] * c(0, base$hazard)[findInterval(u, base$time) + 1])
      if (!own[i]) return(alive(t))
      lived <- base$time[base$time <= min(t, lung$when[i])]
      jumps <- 1 - exp(-relative[i] * diff(c(0, base$hazard))[seq_along(lived)])
      expected <- sum(jumps / (alive(lived) * uncensored_before(lived)))
      died <- lung$dead[i] == 1 && lung$when[i] <= t
      seen <- if (died) 1 / (alive(lung$when[i]) * uncensored_before(lung$when[i])) else 0
      alive(t) * (1 - (seen - expected) / chance_of_arm[i])
    }))
  })
}
save_value("r_weights_doubly_robust", "lung_months",
           "riskRegression::ate(estimator = 'AIPTW') with Cox models in each arm, and the discrete-time estimator written out; time = days + row / 1000",
           list(times = horizons, control = by_person(0), treated = by_person(1),
                ate_risk = theirs$meanRisk$estimate, ate_se = theirs$meanRisk$se), c("survival", "riskRegression"))
