using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Livebed.Grains.Faults;
using Livebed.Grains.Hosting;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Silo;

/// <summary>
/// The life of a silo process: it waits for earlier silos, starts, and reports when it sees the whole cluster. It runs until a signal or
/// the end of standard input, or until the silo ends by itself.
/// </summary>
internal static class SiloProgram
{
    /// <summary>Unless a setting says otherwise.</summary>
    public static readonly TimeSpan StartMax = TimeSpan.FromSeconds(60);

    /// <summary>For a silo to leave a cluster that goes on: others are told, and take over what it knew of where actors are.</summary>
    public static readonly TimeSpan EndMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ListenerPoll = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(SiloSettings settings, bool exitWithStdin, TimeSpan startMax)
    {
        using var ended = new CancellationTokenSource();
        // What ends a driver often reaches its silos too, and the driver still needs them: these end with it, by their standard input.
        Action then = exitWithStdin ? () => { } : ended.Cancel;
        using var terminate = ListenTo(PosixSignal.SIGTERM, then);
        using var interrupt = ListenTo(PosixSignal.SIGINT, then);
        using var hangUp = ListenTo(PosixSignal.SIGHUP, then);
        var orders = new TaskCompletionSource<FaultOrders>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action<string>? told = settings.TakesFaults ? line => _ = ObeyAsync(orders.Task, line) : null;
        if (exitWithStdin) _ = StandardInput.WaitForEndAsync(told).ContinueWith(
            _ => ended.Cancel(), TaskScheduler.Default);
        using var starting = CancellationTokenSource.CreateLinkedTokenSource(ended.Token);
        starting.CancelAfter(startMax);
        using var traces = OpenTraces(settings);
        using var host = SiloHostBuilder.Build(settings, traces: traces);
        var health = host.Services.GetRequiredService<SiloHealth>();
        HealthEndpoints? endpoints = null;
        try
        {
            if (settings.HealthPort > 0) endpoints = HealthEndpoints.Listen(settings.Network, settings.HealthPort, health);
            SiloPorts.ThrowIfInUse(settings.Ports.Silo);
            SiloPorts.ThrowIfInUse(settings.Ports.Gateway);
            if (settings.Redis is { } redis) await RedisMembership.WaitAsync(redis, startMax, ended.Token);
            if ((settings.JoinAfter ?? settings.PrimaryEndpoint) is { } before) await WaitForListenerAsync(before, starting.Token);
            await host.StartAsync(starting.Token);
            health.Started();
            await host.WaitForSilosAsync(settings.Silos, starting.Token);
            health.Whole();
        }
        catch (Exception failure)
        {
            endpoints?.Dispose();
            await host.StopWithinBoundAsync();
            return ended.IsCancellationRequested ? 0 : await ExplainAsync(settings, failure, startMax, starting.IsCancellationRequested);
        }

        if (settings.TakesFaults) orders.SetResult(host.Services.GetRequiredService<FaultOrders>());
        Console.WriteLine(SiloArguments.ReadyPrefix + settings.SiloName);
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var until = CancellationTokenSource.CreateLinkedTokenSource(ended.Token, stopping);
        await Task.Delay(Timeout.Infinite, until.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        health.Leaving();
        if (settings.Redis is not null && !exitWithStdin && ended.IsCancellationRequested) await host.DrainAsync(settings.DrainMax);
        await host.StopWithinBoundAsync(settings.Redis is null || exitWithStdin ? null : EndMax);
        endpoints?.Dispose();
        return ended.IsCancellationRequested ? 0 : SiloArguments.ExitFailed;
    }

    /// <summary>What a driver's nemesis says is answered on standard output. A line that is no order is nothing to the silo.</summary>
    private static async Task ObeyAsync(Task<FaultOrders> orders, string line)
    {
        if (FaultOrder.Parse(line) is not { } order) return;
        var took = await (await orders).ObeyAsync(order);
        Console.WriteLine(FaultOrder.Answer(order.Id, took));
    }

    /// <summary>Spans are no reason to fail: without its file a silo runs without them.</summary>
    private static TraceFile? OpenTraces(SiloSettings settings)
    {
        if (settings.Traces is not { } path) return null;
        try
        {
            return new TraceFile(path, settings.TraceBytesMax);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"livebed-silo: {path} cannot be made ({failure.Message}): the spans of {settings.SiloName} are lost");
            return null;
        }
    }

    private static PosixSignalRegistration ListenTo(PosixSignal signal, Action then) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        then();
    });

    /// <summary>Returns when a process listens there. Orleans would retry a primary that is not there yet only after seconds.</summary>
    private static async Task WaitForListenerAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        for (; ; )
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(endpoint, cancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(ListenerPoll, cancellationToken);
            }
        }
    }

    private static async Task<int> ExplainAsync(SiloSettings settings, Exception failure, TimeSpan startMax, bool timedOut)
    {
        var (text, status) = failure switch
        {
            RedisMissingException missing => ($"{SiloArguments.Redis}: {missing.Message}", SiloArguments.ExitUsage),
            PortInUseException taken => ($"port {taken.Port} is in use", SiloArguments.ExitUsage),
            HttpListenerException listener =>
                ($"{SiloArguments.HealthPort} {settings.HealthPort}: cannot be listened on ({listener.Message})", SiloArguments.ExitUsage),
            _ when PortInUseException.IsBehind(failure) =>
                ($"port {settings.Ports.Silo} or {settings.Ports.Gateway} is in use", SiloArguments.ExitUsage),
            _ when timedOut => (
                $"{settings.SiloName} saw no cluster of {settings.Silos} silos within {startMax.TotalSeconds:0} s; "
                + Membership(settings), SiloArguments.ExitFailed),
            _ => ($"{settings.SiloName} failed to start: {failure.GetBaseException().Message}", SiloArguments.ExitFailed),
        };
        await Console.Error.WriteLineAsync($"livebed-silo: {text}");
        return status;
    }

    private static string Membership(SiloSettings settings) => settings.Redis is { } redis
        ? $"its membership table is in Redis at {RedisMembership.Address(redis)}"
        : $"its primary is {settings.PrimaryEndpoint?.ToString() ?? "itself"}";
}
