# Pools of the BCG trials by metafor, at thresholds where the iterations have truly stopped.
source("r/common.R")
suppressPackageStartupMessages(library(metafor))
bcg <- read("bcg_log_rr")
trials <- read("dat_bcg")
tight <- list(threshold = 1e-13, tol = 1e-15, maxiter = 2000)
fine <- list(tol = 1e-13, maxiter = 10000)
k <- nrow(bcg)
save_pool <- function(name, call, value) save_value(name, "bcg_log_rr", call, value, "metafor")
fit <- function(..., data = bcg) rma(yi, vi, data = data, control = tight, ...)

# ---- what the frozen files hold, again (names as they are there)
for (m in c("FE", "DL", "REML")) for (t in c("z", "knha")) if (m != "FE" || t == "z") {
  r <- rma(yi, vi, data = bcg, method = m, test = t)
  p <- if (m == "FE") NULL else with(predict(r), c(pi.lb, pi.ub))
  save_pool(sprintf("pool_%s_%s", tolower(m), t), sprintf("rma(yi, vi, method = '%s', test = '%s')", m, t),
            list(b = r$b[1], se = r$se, ci = c(r$ci.lb, r$ci.ub), tau2 = r$tau2, I2 = r$I2, H2 = r$H2,
                 Q = r$QE, Qp = r$QEp, prediction = p))
}
for (m in c("DL", "REML", "PM")) {
  r <- fit(method = m)
  h <- fit(method = m, test = "knha")
  value <- list(b = r$b[1], se_z = r$se, se_knha = h$se, tau2 = r$tau2)
  if (m != "DL") value$tau2_qprofile_ci <- unname(confint(r, control = fine)$random[1, 2:3])
  value <- c(value, list(
    I2_from_tau2 = r$I2, I2_from_Q = 100 * (r$QE - (k - 1)) / r$QE,
    prediction_z = with(predict(r), c(pi.lb, pi.ub)),
    prediction_knha_k_minus_1 = with(predict(h), c(pi.lb, pi.ub)),
    prediction_hts_k_minus_2 = r$b[1] + c(-1, 1) * qt(.975, k - 2) * sqrt(r$tau2 + r$se^2)))
  save_pool(sprintf("x_pool_%s_converged", tolower(m)), sprintf("rma(method = '%s'), tight thresholds", m), value)
}
egger_test <- regtest(yi, vi, data = bcg, model = "lm")
by_latitude <- fit(mods = ~ trials$ablat, method = "REML")
save_pool("x_pool_egger_classic_and_metareg", "regtest(model = 'lm'); rma(mods = ~ ablat, method = 'REML')",
  list(egger_t = egger_test$zval, egger_df = egger_test$dfs, egger_p = egger_test$pval,
       metareg_coef = by_latitude$b[, 1], metareg_se = by_latitude$se, metareg_tau2 = by_latitude$tau2,
       metareg_R2 = by_latitude$R2, QM = by_latitude$QM))

# ---- further features
adhoc <- fit(method = "REML", test = "adhoc", data = bcg[4:9, ])
few <- lapply(c(DL = "DL", REML = "REML", PM = "PM"), function(m) {
  r <- fit(method = m, data = bcg[c(1, 2, 5, 9), ])
  h <- fit(method = m, test = "knha", data = bcg[c(1, 2, 5, 9), ])
  list(b = r$b[1], se_z = r$se, se_knha = h$se, tau2 = r$tau2, p_z = r$pval, p_knha = h$pval,
       ci_knha = c(h$ci.lb, h$ci.ub), tau2_ci = unname(confint(r, control = fine)$random[1, 2:3]),
       I2_ci = unname(confint(r, control = fine)$random[3, 2:3]), weights = unname(weights(r)))
})
for (m in names(few))
  save_pool(sprintf("r_pool_few_%s", tolower(m)), sprintf("rma(method = '%s') of trials 1, 2, 5, 9", m), few[[m]])
low <- bcg[c(1, 2, 3, 7), ]
agreeing <- fit(method = "REML", data = low, test = "adhoc")
plain <- fit(method = "REML", data = low, test = "knha")
save_pool("r_pool_adhoc", "rma(method = 'REML', test = 'adhoc') of trials 1, 2, 3, 7, where the factor is below one",
  list(b = agreeing$b[1], se_adhoc = agreeing$se, se_knha = plain$se,
       ci_adhoc = c(agreeing$ci.lb, agreeing$ci.ub), p_adhoc = agreeing$pval))

egger_mixed <- lapply(c(reml = "REML", dl = "DL", fe = "FE"), function(m) {
  r <- fit(mods = ~ sqrt(bcg$vi), method = m)
  c(r$b[2], r$se[2], r$zval[2], r$pval[2], r$b[1])
})
line <- summary(lm(yi ~ sqrt(vi), data = bcg, weights = 1 / vi))$coefficients
rank_test <- ranktest(fit(method = "REML"))
save_pool("r_pool_asymmetry", "rma(mods = ~ sei) by REML, DL, FE; ranktest; lm(yi ~ sei, weights = 1 / vi)",
  c(egger_mixed, list(begg = c(rank_test$tau, rank_test$pval),
                      egger_classic = unname(c(line[2, 1:4], line[1, 1])))))

for (e in c("L0", "R0", "Q0")) for (m in c("FE", "REML", "DL")) {
  r <- fit(method = m)
  found <- lapply(c(left = "left", right = "right"), function(s) {
    t <- suppressWarnings(trimfill(r, side = s, estimator = e, control = tight))
    list(k0 = t$k0, se_k0 = t$se.k0, b = t$b[1], se = t$se, tau2 = t$tau2, filled = sort(t$yi[t$fill]))
  })
  save_pool(sprintf("r_pool_trimfill_%s_%s", tolower(e), tolower(m)),
            sprintf("trimfill(rma(method = '%s'), estimator = '%s'), both sides", m, e),
            c(found, list(chosen = trimfill(r, estimator = e)$side)))
}

out <- leave1out(fit(method = "REML"))
knapp <- sapply(seq_len(k), function(i) with(fit(method = "REML", test = "knha", data = bcg[-i, ]), c(ci.lb, ci.ub)))
save_pool("r_pool_leave_one_out", "leave1out(rma(method = 'REML')); the same with knha",
  list(b = out$estimate, se = out$se, p = out$pval, tau2 = out$tau2, I2 = out$I2, Q = out$Q, Qp = out$Qp,
       knha_low = knapp[1, ], knha_high = knapp[2, ]))

random <- as.numeric(trials$alloc == "random")
for (m in c("DL", "REML", "PM", "FE")) for (t in c("z", "knha")) if (m != "FE" || t == "z") {
  r <- fit(mods = ~ trials$ablat + random, method = m, test = t)
  value <- list(coef = r$b[, 1], se = r$se, p = r$pval, ci_low = r$ci.lb, ci_high = r$ci.ub, tau2 = r$tau2,
                QE = r$QE, QEp = r$QEp, QM = r$QM, QMp = r$QMp)
  if (m != "FE") value <- c(value, list(tau2_ci = unname(confint(r, control = fine)$random[1, 2:3]), I2 = r$I2))
  save_pool(sprintf("r_pool_two_moderators_%s_%s", tolower(m), t),
            sprintf("rma(mods = ~ ablat + (alloc == 'random'), method = '%s', test = '%s')", m, t), value)
}

groups <- split(seq_len(k), trials$alloc)
parts <- lapply(groups, function(i) fit(method = "REML", data = bcg[i, ]))
b <- sapply(parts, function(r) r$b[1])
s <- sapply(parts, function(r) r$se)
between <- rma(b, sei = s, method = "FE")
save_pool("r_pool_subgroups", "rma(method = 'REML') by alloc; Q between of their means",
  list(b = unname(b), se = unname(s), tau2 = unname(sapply(parts, function(r) r$tau2)),
       between = c(between$QE, between$k - 1, between$QEp)))
