# Hazard ratios of matched samples, and optima found by other solvers. Run from tests/parity.
# Earnings stand for time: any numbers do that both sides are given.
source("r/common.R")
suppressPackageStartupMessages(library(survival))
tight <- coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14)

d <- read("lalonde_noties")
d$time <- floor(d$re78 / 100) + 1
d$event <- as.integer(d$re78 > 0)
matched <- function(name) read_json(file.path(folder, paste0(name, ".json")), simplifyVector = FALSE)$value

# Rows of a matched sample: each treated person once, each of the controls as often as it is in a set.
sample_of <- function(value) {
  sets <- Filter(function(i) length(unlist(value$control[[i]])) > 0, seq_along(value$treated))
  rows <- lapply(sets, function(i) {
    controls <- unlist(value$control[[i]])
    data.frame(row = c(value$treated[[i]], controls), set = i,
               weight = c(1, rep(1 / length(controls), length(controls))))
  })
  rows <- do.call(rbind, rows)
  cbind(d[rows$row, ], rows)
}
estimate <- function(fit) list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))))

# One to one with a caliper: marginal, adjusted, and within the pairs.
pairs <- sample_of(matched("x_match_closest_caliper_pooled"))
save_value("r_matching_pairs", "lalonde_noties",
  "coxph(Surv(floor(re78 / 100) + 1, re78 > 0) ~ treat, cluster = set), pairs of x_match_closest_caliper_pooled",
  estimate(coxph(Surv(time, event) ~ treat, pairs, cluster = set, control = tight)))
save_value("r_matching_pairs_adjusted", "lalonde_noties", "the same with age + educ + re74 + re75",
  estimate(coxph(Surv(time, event) ~ treat + age + educ + re74 + re75, pairs, cluster = set, control = tight)))
save_value("r_matching_within_pairs", "lalonde_noties", "coxph(~ treat + age + educ + re74 + strata(set))",
  estimate(coxph(Surv(time, event) ~ treat + age + educ + re74 + strata(set), pairs, control = tight)))

# Two controls each: weights of a half.
two <- sample_of(matched("x_match_ratio2_largest"))
save_value("r_matching_ratio2", "lalonde_noties", "coxph(~ treat, weights = 1 or 1/2, cluster = set)",
  estimate(coxph(Surv(time, event) ~ treat, two, weights = weight, cluster = set, control = tight)))

# With replacement: by set and by person, less what both count.
again <- sample_of(matched("x_match_replace"))
variance <- function(cluster) {
  again$cluster <- cluster
  vcov(coxph(Surv(time, event) ~ treat, again, cluster = cluster, control = tight))[1, 1]
}
by <- c(variance(again$set), variance(again$row), variance(seq_len(nrow(again))))
save_value("r_matching_replace", "lalonde_noties",
  "coxph(~ treat) with V(set) + V(person) - V(row), pairs of x_match_replace",
  list(coef = unname(coef(coxph(Surv(time, event) ~ treat, again, control = tight))), se = sqrt(by[1] + by[2] - by[3])))

# Weights of subclasses and cells in a Cox model.
for (name in c("subclass_5", "cem")) {
  whole <- read("lalonde")
  whole$time <- floor(whole$re78 / 100) + 1
  whole$event <- as.integer(whole$re78 > 0)
  whole$weight <- unlist(matched(name)$weights)
  inside <- whole[whole$weight > 0, ]
  save_value(paste0("r_matching_", name), "lalonde", "coxph(~ treat, weights, robust by person)",
    estimate(coxph(Surv(time, event) ~ treat, inside, weights = weight, cluster = id, control = tight)))
}

# Optimal pairs: the assignment of clue, first of all treated, then within a caliper where alone costs 1000.
logit <- unlist(matched("x_match_closest")$logit)
treated <- which(d$treat == 1)
control <- which(d$treat == 0)
distance <- abs(outer(logit[treated], logit[control], "-"))
total <- function(cost, n = ncol(cost)) {
  to <- as.integer(clue::solve_LSAP(cost))
  found <- cost[cbind(seq_along(to), to)][to <= n]
  list(pairs = length(found), total = sum(found))
}
spread <- sqrt((var(logit[treated]) + var(logit[control])) / 2)
far <- ifelse(distance > 0.1 * spread, 1e6, distance)
x <- as.matrix(d[, c("age", "educ", "re74", "re75")])
centred <- x - apply(x, 2, function(v) ave(v, d$treat))
turned <- x %*% solve(chol(crossprod(centred) / (nrow(x) - 2)))
mahalanobis <- as.matrix(dist(turned))[treated, control]
save_value("r_matching_optimal", "lalonde_noties",
  "clue::solve_LSAP: all treated; within 0.1 pooled SD; Mahalanobis distance of age, educ, re74, re75",
  list(all = total(distance),
       caliper = total(cbind(far, matrix(1000, length(treated), length(treated))), length(control)),
       mahalanobis = total(mahalanobis)),
  "clue")

# Full matching within 0.2 pooled SD as a linear programme over the pairs (lpSolve).
near <- which(distance <= 0.2 * spread, arr.ind = TRUE)
cover <- function(max_controls, max_treated) {
  people <- c(paste("t", near[, 1]), paste("c", near[, 2]))
  row <- match(people, unique(people))
  kind <- substr(unique(people), 1, 1)
  entries <- cbind(row, rep(seq_len(nrow(near)), 2), 1)
  limit <- ifelse(kind == "t", max_controls, max_treated)
  some <- which(is.finite(limit))
  upper <- entries[entries[, 1] %in% some, , drop = FALSE]
  upper[, 1] <- length(kind) + match(upper[, 1], some)
  answer <- lpSolve::lp("min", distance[near], dense.const = rbind(entries, upper),
    const.dir = c(rep(">=", length(kind)), rep("<=", length(some))),
    const.rhs = c(rep(1, length(kind)), limit[some]))
  stopifnot(answer$status == 0)
  answer$objval
}
save_value("r_matching_full", "lalonde_noties", "lpSolve::lp: everybody within 0.2 pooled SD covered; at most 49 controls, 5 treated",
  list(free = cover(Inf, Inf), limited = cover(49, 5)), "lpSolve")
