package com.example;

/** Work beside the web: a line every ten seconds, until it is told to end. */
public final class Worker {
    public static void main(String[] arguments) throws InterruptedException {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("worker ended")));
        System.out.println("worker started");
        while (true) {
            Thread.sleep(10_000);
            System.out.println("working for " + Server.poweredBy());
        }
    }
}
