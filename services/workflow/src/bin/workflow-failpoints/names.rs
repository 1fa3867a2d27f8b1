//! The names of the failpoints.

deis_failpoints::sides! {
    RELEASE = "ledger.release",
    BEGIN = "deploy.begin",
    PREPARE = "deploy.prepare",
    START_PHASE = "deploy.start-phase",
    END_PHASE = "deploy.end-phase",
    CREATE = "deploy.create",
    DRAIN = "deploy.drain",
    RESIZE = "deploy.resize",
    REPLACE = "deploy.replace",
    SPARE = "deploy.spare",
    PROTECT = "deploy.protect",
    UNPROTECT = "deploy.unprotect",
    DELETE = "deploy.delete",
    TIDY = "deploy.tidy",
    DEMOLISH = "deploy.demolish",
    LET_GO = "deploy.let-go",
    FORGET = "deploy.forget",
    SETTLE = "deploy.settle",
    SUCCEED = "deploy.succeed",
    FAIL = "deploy.fail",
}
