<?php

// A web app of one page. The server logs the requests.

require __DIR__ . '/../vendor/autoload.php';

header('Content-Type: text/plain; charset=utf-8');
echo 'Powered by ', powered_by(), "\n";
