# What is asked of a Cox model once it is fitted: residuals, curves, periods, splines, tests, concordance.
# Run from tests/parity: `Rscript r/cox_models.R [folder]`.
suppressPackageStartupMessages({library(survival); library(splines); library(Hmisc); library(clubSandwich)})
source("r/common.R")

tight <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)
lung <- read("lung_months")
lung$fem <- as.integer(lung$sex == 2)
lung$ecog <- factor(pmin(lung$ph.ecog, 2))
cox <- function(formula, ...) do.call(coxph, list(formula, data = lung, control = tight, ...))
fitted_numbers <- function(m) list(coef = unname(coef(m)), var = unname(m$var), loglik = m$loglik)

# --- Offset and profile likelihood ----------------------------------------------------------------------
m <- cox(Surv(month, dead) ~ age + sex + offset(0.3 * ph.ecog), ties = "breslow")
save_value("r_cox_offset_breslow", "lung_months",
           "coxph(Surv(month, dead) ~ age + sex + offset(0.3 * ph.ecog), ties = 'breslow')",
           c(fitted_numbers(m), list(martingale = unname(residuals(m)))))

# --- Residuals: deviance, dfbetas, summed by institution ------------------------------------------------
for (ties in c("efron", "breslow")) {
  m <- cox(Surv(month, dead) ~ age + sex + ph.ecog, ties = ties)
  save_value(paste0("r_cox_residuals_", ties), "lung_months",
             "residuals(coxph(~ age + sex + ph.ecog), 'deviance' | 'dfbetas' | 'score', collapse = inst)",
             list(deviance = unname(residuals(m, "deviance")), dfbetas = unname(residuals(m, "dfbetas")),
                  martingale_by_inst = unname(residuals(m, "martingale", collapse = lung$inst)),
                  score_by_inst = unname(residuals(m, "score", collapse = lung$inst)),
                  dfbeta_by_inst = unname(residuals(m, "dfbeta", collapse = lung$inst))))
}
m <- cox(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = lung$w, cluster = seq_len(nrow(lung)))
save_value("r_cox_residuals_robust", "lung_months",
           "residuals(coxph(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = w, cluster = row))",
           list(deviance = unname(residuals(m, "deviance")), dfbeta = unname(residuals(m, "dfbeta")),
                dfbetas = unname(residuals(m, "dfbetas")),
                scaled_schoenfeld = unname(residuals(m, "scaledsch"))))

# --- Proportional hazards with weights, delayed entry, factor terms, strata ----------------------------
m <- cox(Surv(entry, month, dead) ~ age + ecog + strata(fem), weights = lung$w, ties = "breslow")
for (transform in c("km", "identity", "rank", "log")) {
  z <- cox.zph(m, transform, terms = TRUE)
  save_value(paste0("r_zph_terms_", transform), "lung_months",
             "cox.zph(coxph(Surv(entry, month, dead) ~ age + ecog + strata(fem), weights = w, ties = 'breslow'))",
             list(rows = rownames(z$table), chisq = unname(z$table[, 1]), df = unname(z$table[, 2]),
                  p = unname(z$table[, 3])))
}

# --- Predicted curves -----------------------------------------------------------------------------------
people <- data.frame(age = c(50, 62.5, 75), ph.ecog = c(0, 1, 2))
for (ties in c("efron", "breslow")) {
  m <- cox(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = lung$w, ties = ties)
  for (level in 1:2) {
    own <- transform(people, sex = level)
    s <- survfit(m, newdata = own, se.fit = TRUE)
    one <- lapply(seq_len(nrow(own)), function(i) {
      k <- s[i]
      list(time = k$time, surv = k$surv, cumhaz = k$cumhaz, std_err = k$std.err,
           lower = k$lower, upper = k$upper)
    })
    save_value(paste0("r_cox_curves_", ties, "_stratum_", level), "lung_months",
               "survfit(coxph(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = w), newdata)",
               list(people = unname(as.matrix(people)), time = one[[1]]$time,
                    n_risk = s[1]$n.risk, n_event = s[1]$n.event,
                    surv = sapply(one, `[[`, "surv"), cumhaz = sapply(one, `[[`, "cumhaz"),
                    std_err = sapply(one, `[[`, "std_err"),
                    lower = sapply(one, `[[`, "lower"), upper = sapply(one, `[[`, "upper")))
  }
}
m <- cox(Surv(month, dead) ~ age + sex + ph.ecog, cluster = lung$inst)
for (type in c("log-log", "plain")) {
  s <- survfit(m, newdata = data.frame(age = 60, sex = 2, ph.ecog = 1), conf.type = type, conf.int = 0.9)
  save_value(paste0("r_cox_curve_robust_", sub("-", "", type)), "lung_months",
             paste0("survfit(coxph(~ age + sex + ph.ecog, cluster = inst), conf.type = '", type,
                    "', conf.int = 0.9)"),
             list(time = s$time, surv = s$surv, std_err = s$std.err, lower = s$lower, upper = s$upper))
}
m <- cox(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = lung$w)
b <- basehaz(m, centered = FALSE)
save_value("r_cox_baseline", "lung_months",
           "basehaz(coxph(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = w), centered = FALSE)",
           list(hazard = b$hazard, time = b$time, stratum = as.integer(sub("sex=", "", b$strata))))

# --- Hazard ratios by period ----------------------------------------------------------------------------
lung$id <- seq_len(nrow(lung))
for (late in c(FALSE, TRUE)) {
  start <- if (late) lung$entry else rep(0, nrow(lung))
  d <- transform(lung, start = start)
  s <- survSplit(Surv(start, month, dead) ~ ., d, cut = c(6, 12), episode = "period", start = "begin")
  s$p <- factor(s$period)
  s <- s[order(s$id, s$begin), ]
  m <- do.call(coxph, list(Surv(begin, month, dead) ~ age + fem:p, data = s, control = tight,
                           cluster = s$id))
  same <- do.call(coxph, list(Surv(begin, month, dead) ~ age + fem, data = s, control = tight))
  apart <- cbind(0, c(-1, -1), diag(2))
  diff <- drop(apart %*% coef(m))
  equal <- function(v) drop(diff %*% solve(apart %*% v %*% t(apart), diff))
  save_value(if (late) "r_time_split_late_entry" else "r_time_split", "lung_months",
             "coxph(Surv(begin, month, dead) ~ age + fem:period, survSplit(cut = c(6, 12)), cluster = id)",
             list(row = s$id, begin = s$begin, stop = s$month, event = s$dead, period = s$period,
                  coef = unname(coef(m)), var = unname(m$naive.var), robust_var = unname(m$var),
                  loglik = m$loglik[2], wald_equal = equal(m$naive.var), wald_equal_robust = equal(m$var),
                  lrt_equal = 2 * (m$loglik[2] - same$loglik[2]),
                  events = as.vector(tapply(s$dead, s$period, sum))))
}

# --- Splines --------------------------------------------------------------------------------------------
ages <- seq(45, 75, by = 5)
curve_against <- function(m, basis, columns) {
  x <- sweep(basis(ages), 2, basis(60))
  v <- vcov(m)[columns, columns]
  list(at = ages, log_hr = drop(x %*% coef(m)[columns]), std_err = sqrt(rowSums((x %*% v) * x)))
}
for (df in c(3, 4)) {
  made <- ns(lung$age, df = df)
  basis <- function(x) unclass(predict(made, x))[, , drop = FALSE]
  lung$b <- unclass(made)
  m <- cox(Surv(month, dead) ~ b + sex)
  straight <- cox(Surv(month, dead) ~ age + sex)
  save_value(paste0("r_spline_ns_df", df), "lung_months", paste0("coxph(~ splines::ns(age, df = ", df, ") + sex)"),
             c(list(knots = unname(attr(made, "knots")), boundary = attr(made, "Boundary.knots"),
                    basis = unname(as.matrix(unclass(made)[1:20, ])), outside = unname(basis(c(20, 30, 90, 100))),
                    lrt_nonlinear = 2 * (m$loglik[2] - straight$loglik[2])),
               fitted_numbers(m), curve_against(m, function(x) matrix(basis(x), length(x)), 1:df)),
             c("survival", "splines"))
}
for (nk in 3:7) {
  made <- rcspline.eval(lung$age, nk = nk, inclx = TRUE)
  knots <- attr(made, "knots")
  basis <- function(x) matrix(rcspline.eval(x, knots, inclx = TRUE), length(x))
  lung$b <- basis(lung$age)
  m <- cox(Surv(month, dead) ~ b + sex)
  bent <- 2:(nk - 1)
  test <- drop(coef(m)[bent] %*% solve(vcov(m)[bent, bent], coef(m)[bent]))
  save_value(paste0("r_spline_rcs_k", nk), "lung_months",
             paste0("coxph(~ Hmisc::rcspline.eval(age, nk = ", nk, ", inclx = TRUE) + sex)"),
             c(list(knots = knots, basis = unname(basis(lung$age)[1:20, ]), wald_nonlinear = test),
               fitted_numbers(m), curve_against(m, basis, 1:(nk - 1))),
             c("survival", "Hmisc"))
}
few <- lung$age[1:60]
save_value("r_spline_rcs_few_people", "lung_months", "Hmisc::rcspline.eval(age[1:60], nk = 4, knots.only = TRUE)",
           list(knots = rcspline.eval(few, nk = 4, knots.only = TRUE)), "Hmisc")

# --- Tests of several terms -----------------------------------------------------------------------------
full <- cox(Surv(month, dead) ~ age + fem + ecog)
less <- cox(Surv(month, dead) ~ age + fem)
held <- do.call(coxph, list(Surv(month, dead) ~ age + fem + ecog, data = lung, init = c(coef(less), 0, 0),
                            control = coxph.control(iter.max = 0)))
k <- 3:4
save_value("r_cox_joint_tests", "lung_months", "coxph(~ age + fem + ecog): Wald, score and LR tests of ecog",
           list(wald = drop(coef(full)[k] %*% solve(vcov(full)[k, k], coef(full)[k])),
                score = held$score, lr = 2 * (full$loglik[2] - less$loglik[2]), df = 2))

# --- Concordance ----------------------------------------------------------------------------------------
fits <- list(plain = cox(Surv(month, dead) ~ age + sex + ph.ecog),
             weights = cox(Surv(month, dead) ~ age + sex + ph.ecog, weights = lung$w),
             strata = cox(Surv(month, dead) ~ age + ph.ecog + strata(sex)),
             cluster = cox(Surv(month, dead) ~ age + sex + ph.ecog, cluster = lung$inst),
             late = cox(Surv(entry, month, dead) ~ age + sex + ph.ecog),
             all = cox(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), weights = lung$w))
for (name in names(fits)) {
  k <- if (name == "cluster") concordance(fits[[name]], cluster = lung$inst) else concordance(fits[[name]])
  count <- if (is.matrix(k$count)) colSums(k$count) else k$count
  save_value(paste0("r_concordance_", name), "lung_months", paste("concordance(coxph()),", name),
             list(concordance = unname(k$concordance), std_err = sqrt(k$var), counts = unname(count)))
}

# --- Ridge ----------------------------------------------------------------------------------------------
m <- cox(Surv(month, dead) ~ ridge(age, sex, ph.ecog, theta = 10, scale = FALSE))
save_value("r_cox_ridge", "lung_months", "coxph(~ ridge(age, sex, ph.ecog, theta = 10, scale = FALSE))",
           list(coef = unname(coef(m)), var = unname(m$var), var2 = unname(m$var2), df = sum(m$df)))

# --- CR2: Breslow's likelihood is that of a Poisson model with a parameter per death time ----------------
# Its last weighted least-squares step, written as an ordinary regression, is what clubSandwich adjusts.
poisson_cr2 <- function(name, call, d, covariates, ...) {
  d$start <- if (is.null(d$start)) 0 else d$start
  d$stratum <- if (is.null(d$stratum)) 1 else d$stratum
  d$weight <- if (is.null(d$weight)) 1 else d$weight
  rows <- do.call(rbind, lapply(split(d, d$stratum), function(own) {
    do.call(rbind, lapply(sort(unique(own$month[own$dead == 1])), function(t) {
      at <- own[own$start < t & own$month >= t, ]
      transform(at, death = as.numeric(at$month == t & at$dead == 1), cell = paste(own$stratum[1], t))
    }))
  }))
  design <- cbind(model.matrix(~ cell - 1, rows), as.matrix(rows[, covariates]))
  g <- suppressWarnings(glm(death ~ design - 1, poisson, rows, weights = rows$weight,
                            control = glm.control(1e-14, 100)))
  mean <- fitted(g)
  root <- sqrt(rows$weight * mean)
  x <- design * root
  y <- (drop(design %*% coef(g)) + (rows$death - mean) / mean) * root
  linear <- lm(y ~ x - 1)
  keep <- tail(seq_len(ncol(design)), length(covariates))
  v <- vcovCR(linear, cluster = rows$inst, type = "CR2")
  test <- coef_test(linear, v, test = "Satterthwaite")[keep, ]
  save_value(name, "lung_months", call,
             list(coef = unname(coef(linear)[keep]), var = unname(as.matrix(v)[keep, keep]),
                  df = test[, grep("^df", names(test))[1]]), "clubSandwich")
}
poisson_cr2("r_cox_cr2", "vcovCR('CR2') of the Poisson form of coxph(~ age + sex + ph.ecog), clusters inst",
            lung, c("age", "sex", "ph.ecog"))
poisson_cr2("r_cox_cr2_weights_entry_strata",
            "vcovCR('CR2') of the Poisson form of coxph(Surv(entry, month, dead) ~ age + ph.ecog + strata(sex), w)",
            transform(lung, start = entry, stratum = sex, weight = w), c("age", "ph.ecog"))
