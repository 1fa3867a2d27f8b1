<?php

/** Who runs the app, as its configuration says. */
function powered_by(): string
{
    return getenv('POWERED_BY') ?: 'Deis';
}
