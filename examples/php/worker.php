<?php

// Work beside the web: a line every ten seconds, until it is told to end.

require __DIR__ . '/vendor/autoload.php';

pcntl_sigprocmask(SIG_BLOCK, [SIGTERM, SIGINT]);
echo "worker started\n";
while (pcntl_sigtimedwait([SIGTERM, SIGINT], $info, 10) <= 0) {
    echo 'working for ', powered_by(), "\n";
}
echo "worker ended\n";
