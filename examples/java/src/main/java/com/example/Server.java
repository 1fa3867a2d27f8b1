package com.example;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A web app of one page: who runs it, as its configuration says. */
public final class Server {
    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "5000"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        ExecutorService requests = Executors.newFixedThreadPool(16);
        server.setExecutor(requests);
        server.createContext("/", Server::hello);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> finish(server, requests)));
        server.start();
        System.out.println("listening on :" + port);
    }

    /** Answers every request with one line. */
    static void hello(HttpExchange request) throws IOException {
        System.out.println(client(request) + " " + request.getRequestMethod() + " " + request.getRequestURI().getPath());
        byte[] body = ("Powered by " + poweredBy() + "\n").getBytes(StandardCharsets.UTF_8);
        request.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        boolean head = request.getRequestMethod().equals("HEAD");
        request.sendResponseHeaders(200, head ? -1 : body.length);
        if (!head) {
            request.getResponseBody().write(body);
        }
        request.close();
    }

    static String poweredBy() {
        String name = System.getenv().getOrDefault("POWERED_BY", "");
        return name.isEmpty() ? "Deis" : name;
    }

    /** The address that the router saw, or else the one that we see. */
    private static String client(HttpExchange request) {
        String forwarded = request.getRequestHeaders().getFirst("X-Forwarded-For");
        return forwarded == null
                ? request.getRemoteAddress().getAddress().getHostAddress()
                : forwarded.split(",")[0].trim();
    }

    /** Requests that have begun are finished. */
    private static void finish(HttpServer server, ExecutorService requests) {
        requests.shutdown();
        try {
            requests.awaitTermination(20, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        server.stop(0);
    }
}
