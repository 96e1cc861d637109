# Parametric models: survreg's distributions are splines of one degree of freedom; Poisson regression of
# person-time; a flexible model with late entry and an effect that varies with time, maximised here by hand.
suppressPackageStartupMessages(library(survival))
source("r/common.R")
lung <- read("lung_months")
covariates <- c("age", "sex", "ph.ecog")

# From location and log scale of log time to intercept and slope of the linear predictor, covariates changed
# in sign and divided by the scale.
as_spline <- function(fit, var) {
  s <- fit$scale
  b <- coef(fit)
  theta <- c(-b[1] / s, 1 / s, -b[-1] / s)
  p <- length(b)
  jacobian <- matrix(0, p + 1, p + 1)
  jacobian[1, c(1, p + 1)] <- c(-1 / s, b[1] / s)
  jacobian[2, p + 1] <- -1 / s
  for (j in 2:p) jacobian[j + 1, c(j, p + 1)] <- c(-1 / s, b[j] / s)
  list(coef = unname(theta), var = unname(jacobian %*% var %*% t(jacobian)), loglik = fit$loglik[2])
}
control <- survreg.control(rel.tolerance = 1e-14, maxiter = 200)
formula <- Surv(month, dead) ~ age + sex + ph.ecog
for (kind in list(c("weibull", "hazard"), c("loglogistic", "odds"), c("lognormal", "normal"))) {
  fit <- survreg(formula, lung, dist = kind[1], control = control)
  save_value(paste0("r_parametric_", kind[1]), "lung_months",
             sprintf("survreg(Surv(month, dead) ~ age + sex + ph.ecog, dist = '%s'), as a spline of 1 df", kind[1]),
             as_spline(fit, fit$var))
  fit <- survreg(formula, lung, weights = w, dist = kind[1], control = control)
  save_value(paste0("r_parametric_", kind[1], "_weights_cluster"), "lung_months",
             sprintf("survreg(..., weights = w, dist = '%s'), as a spline of 1 df; weighted dfbeta summed by inst", kind[1]),
             as_spline(fit, crossprod(rowsum(residuals(fit, "dfbeta", weighted = TRUE), lung$inst))))
  fit <- survreg(formula, lung, cluster = inst, dist = kind[1], control = control)
  save_value(paste0("r_parametric_", kind[1], "_cluster"), "lung_months",
             sprintf("survreg(..., cluster = inst, dist = '%s'), as a spline of 1 df", kind[1]),
             as_spline(fit, fit$var))
}

# (With weights survreg's own robust variance leaves them out of dfbeta: here they are in it.)
cuts <- c(6, 12, 18, 24)
pieces <- survSplit(Surv(month, dead) ~ ., lung[, c("month", "dead", covariates)], cut = cuts, episode = "ep")
pieces$lived <- pieces$month - pieces$tstart
fit <- glm(dead ~ factor(ep) + age + sex + ph.ecog + offset(log(lived)), poisson, pieces,
           control = glm.control(1e-15, 100))
save_value("x_piecewise_exponential", "lung_months", "poisson glm on survSplit at 6, 12, 18, 24",
           list(names = names(coef(fit)), coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit))))), "stats")
columns <- c("entry", "month", "dead", "w", covariates)
pieces <- survSplit(Surv(entry, month, dead) ~ ., lung[, columns], cut = cuts, episode = "piece")
pieces$lived <- pieces$month - pieces$entry
poisson_fit <- suppressWarnings(glm(dead ~ factor(piece) - 1 + age + sex + ph.ecog + offset(log(lived)), poisson, pieces,
                   weights = w, control = glm.control(1e-15, 100)))
save_value("r_parametric_piecewise_weights_entry", "lung_months",
           "glm(dead ~ factor(piece) - 1 + age + sex + ph.ecog + offset(log(lived)), poisson, weights = w)",
           list(coef = unname(coef(poisson_fit)), var = unname(vcov(poisson_fit))), "stats")
crude <- pyears(Surv(entry, month, dead) ~ piece, pieces, scale = 1)
limits <- sapply(crude$event, function(d) poisson.test(d)$conf.int)
save_value("r_parametric_rates", "lung_months", "pyears by piece; poisson.test limits over person-time",
           list(events = unname(crude$event), person_time = unname(crude$pyears),
                lower = unname(limits[1, ] / crude$pyears), upper = unname(limits[2, ] / crude$pyears)))

# Flexible models, the log likelihood and its derivatives written out, Newton's method to the end.
x <- log(lung$month)
dead <- lung$dead == 1
knots <- function(df) unname(quantile(x[dead], seq(0, 1, length.out = df + 1)))
spline <- function(x, k, d = 0) {
  cube <- function(v) if (d == 0) pmax(v, 0)^3 else 3 * pmax(v, 0)^2
  m <- length(k)
  columns <- if (d == 0) list(x) else list(rep(1, length(x)))
  for (j in seq_len(m - 2) + 1) {
    share <- (k[m] - k[j]) / (k[m] - k[1])
    columns <- c(columns, list(cube(x - k[j]) - share * cube(x - k[1]) - (1 - share) * cube(x - k[m])))
  }
  do.call(cbind, columns)
}
flexible <- function(z, dz, z0) {
  minus_loglik <- function(theta) {
    eta <- drop(z %*% theta)
    rise <- drop(dz %*% theta)
    if (any(rise[dead] <= 0)) return(1e10)
    -(sum(log(rise[dead]) + eta[dead] - x[dead]) - sum(exp(eta)) + sum(exp(drop(z0 %*% theta))))
  }
  slopes <- function(theta) {
    eta <- drop(z %*% theta)
    rise <- drop(dz %*% theta)
    -(colSums(dz[dead, ] / rise[dead]) + colSums(z[dead, ]) - colSums(z * exp(eta)) +
        colSums(z0 * exp(drop(z0 %*% theta))))
  }
  hessian <- function(theta) {
    crossprod(dz[dead, ] / drop(dz %*% theta)[dead]) + crossprod(z * exp(drop(z %*% theta)), z) -
      crossprod(z0 * exp(drop(z0 %*% theta)), z0)
  }
  theta <- optim(c(-4, 1, rep(0, ncol(z) - 2)), minus_loglik, slopes, method = "BFGS",
                 control = list(maxit = 5000, reltol = 1e-15))$par
  for (i in 1:50) theta <- theta - solve(hessian(theta), slopes(theta))
  stopifnot(max(abs(slopes(theta))) < 1e-7)
  list(coef = theta, var = solve(hessian(theta)), loglik = -minus_loglik(theta))
}

own <- cbind(lung$age - 60, lung$sex - 1, lung$ph.ecog)
fit <- flexible(cbind(1, spline(x, knots(3)), own), cbind(0, spline(x, knots(3), 1), 0 * own),
                matrix(0, 0, 7))
save_value("x_royston_parmar", "lung_months",
           "log cumulative hazard spline, 2 interior knots (3 df), x = log(month), covariates age - 60, sex - 1, ph.ecog; maximum found by hand",
           list(knots_log = knots(3), loglik = fit$loglik, gamma = fit$coef[1:4], beta = fit$coef[5:7],
                se_beta = sqrt(diag(fit$var))[5:7]), "stats")

rows <- function(x, keep, d) {  # 3 df, sex varying with 2 more, late entry
  own <- as.matrix(lung[keep, covariates])
  varying <- own[, "sex"] * spline(x, knots(2), d)
  if (d == 0) cbind(1, spline(x, knots(3)), own, varying)
  else cbind(0, spline(x, knots(3), 1), 0 * own, varying)
}
everybody <- rep(TRUE, nrow(lung))
late <- lung$entry > 0
fit <- flexible(rows(x, everybody, 0), rows(x, everybody, 1), rows(log(lung$entry[late]), late, 0))
save_value("r_parametric_flexible_entry_varying", "lung_months",
           "spline of 3 df, sex with 2 more, late entry: Newton on the written-out log likelihood", fit, "stats")
