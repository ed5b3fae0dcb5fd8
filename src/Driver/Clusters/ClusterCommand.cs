using System.Globalization;
using System.Net;
using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Running;
using Livebed.Driver.Terminal;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;

namespace Livebed.Driver.Clusters;

/// <summary>
/// `livebed cluster`: a cluster of processes on this machine, with its membership table in Redis, that is there before a run and after it.
/// </summary>
internal sealed class ClusterCommand(CommandEnvironment environment)
{
    private const string ClusterId = "livebed";
    private static readonly TimeSpan StartMax = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopMax = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan RedisMax = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Starts the silos that do not run. What was started is ended again when one of them does not come up.</summary>
    public async Task<int> UpAsync(string path, int silos, string? redis, ClusterCertificates? certificates)
    {
        var folder = new LocalClusterFolder(path);
        var before = folder.Read();
        if (before is not null && before.Silos.Count != silos && before.Silos.Any(silo => silo.IsRunning))
            throw new UsageException(
                $"--silos {silos}: the cluster of {Label(path)} has {before.Silos.Count} silos; allowed: --silos {before.Silos.Count}, "
                    + $"or livebed cluster down");
        folder.Make();
        var (server, address, isNew) = await RedisAsync(folder, before, redis);
        if (isNew) folder.WriteSettings(address, ClusterId, certificates);
        else if (certificates is not null && !folder.HasSettings(certificates))
            throw new UsageException(
                $"{SiloArguments.TlsCertificate}: the cluster of {Label(path)} has other files; allowed: those, or livebed cluster down");
        var running = isNew ? [] : (before?.Silos ?? []).Where(silo => silo.IsRunning).ToList();
        if (isNew && before is not null) await StopAsync(before.Silos);
        List<LocalProcess> started = [];
        try
        {
            var missing = Enumerable.Range(0, silos).Select(ActorKeys.Silo).Except(running.Select(silo => silo.Name)).ToList();
            Start(folder, missing, started);
            var cluster = new LocalCluster(
                ClusterId, address, server, [.. running.Concat(started).OrderBy(silo => silo.Name, SiloOrder.ByName)]);
            folder.Write(cluster);
            await WaitAsync(folder, started);
            environment.Out.WriteLine(
                $"{started.Count} silos started, {running.Count} were there; the cluster of {Label(path)} has {silos}");
            environment.Out.WriteLine($"next: {CommandText.Livebed} run smoke --connect --silos {silos}");
            return ExitCodes.Valid;
        }
        catch
        {
            await StopAsync(started);
            if (running.Count == 0)
            {
                if (server is not null) await server.StopAsync(RedisMax);
                folder.Forget();
            }

            throw;
        }
    }

    /// <summary>Ends silos and Redis.</summary>
    public async Task<int> DownAsync(string path)
    {
        var folder = new LocalClusterFolder(path);
        var cluster = folder.Read() ?? throw NoCluster(path);
        var running = cluster.Silos.Count(silo => silo.IsRunning);
        await StopAsync(cluster.Silos);
        if (cluster.Redis is { } redis) await redis.StopAsync(RedisMax);
        else
            await RedisMembership.ForgetAsync(cluster.RedisAddress, cluster.ClusterId).WaitAsync(RedisMax)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        folder.Forget();
        environment.Out.WriteLine($"{running} silos ended");
        return ExitCodes.Valid;
    }

    /// <summary>A row for each silo: those of the folder, or those that the cluster of a connection has.</summary>
    /// <returns>2 when one is missing</returns>
    public async Task<int> StatusAsync(string? path, Func<ClusterConnection> connect, bool isJson)
    {
        var cluster = path is null ? null : new LocalClusterFolder(path).Read() ?? throw NoCluster(path);
        var connection = connect();
        IReadOnlyList<SiloState> states = [];
        string? problem = null;
        try
        {
            await RedisMembership.WaitAsync(connection.Redis, RedisMax, environment.Interrupts.Token);
            states = await ConnectedCluster.LookAsync(connection.Settings, environment.Interrupts.Token);
        }
        catch (RedisMissingException failure)
        {
            problem = failure.Message;
        }

        var rows = RowsOf(cluster, states);
        if (isJson) environment.Out.WriteLine(JsonSerializer.Serialize(rows, _json));
        else WriteTable(rows);
        if (problem is not null) environment.Error.WriteLine(problem);
        return problem is null && rows.Count > 0 && rows.All(row => row.State is "ready" or "busy") ? ExitCodes.Valid : ExitCodes.Unknown;
    }

    private static IReadOnlyList<SiloRow> RowsOf(LocalCluster? cluster, IReadOnlyList<SiloState> states)
    {
        var rows = states.Select(state => new SiloRow(
            state.Silo, state.Driver is null ? "ready" : "busy", state.Address, state.ProcessId, state.Vms, state.Driver)).ToList();
        foreach (var silo in cluster?.Silos ?? [])
            if (rows.TrueForAll(row => row.Silo != silo.Name))
                rows.Add(new SiloRow(silo.Name, silo.IsRunning ? "no answer" : "gone", "", silo.IsRunning ? silo.Id : null, null, null));
        return [.. rows.OrderBy(row => row.Silo, SiloOrder.ByName)];
    }

    private void WriteTable(IReadOnlyList<SiloRow> rows)
    {
        var table = Tables.Create("silo", "state", "address", "process", "VMs", "run of");
        foreach (var row in rows)
            table.Row(
                row.Silo, row.State, row.Address, row.Process?.ToString(CultureInfo.InvariantCulture) ?? "",
                row.Vms?.ToString(CultureInfo.InvariantCulture) ?? "", row.Driver ?? "");
        if (rows.Count > 0) environment.CreateConsole().Write(table);
        else environment.Out.WriteLine("no silo answers");
    }

    private static async Task<(LocalProcess? Server, string Address, bool IsNew)> RedisAsync(
        LocalClusterFolder folder, LocalCluster? before, string? redis)
    {
        if (redis is not null)
        {
            await WaitForRedisAsync(redis);
            var isNew = before is null || before.RedisAddress != redis || !before.Silos.Any(silo => silo.IsRunning);
            return (null, redis, isNew);
        }

        if (before?.Redis is { IsRunning: true } server) return (server, before.RedisAddress, false);
        var (process, address) = await RedisServer.StartAsync(folder);
        return (process, address, true);
    }

    private static async Task WaitForRedisAsync(string redis)
    {
        try
        {
            await RedisMembership.WaitAsync(redis, RedisMax);
        }
        catch (RedisMissingException failure)
        {
            throw new UsageException($"{SiloArguments.Redis}: {failure.Message}; allowed: a Redis that runs");
        }
    }

    /// <summary>All at once, since starting a process is what takes long; of two that join at once one sits out four seconds, so each waits
    /// for the one before it.</summary>
    private static void Start(LocalClusterFolder folder, List<string> names, List<LocalProcess> started)
    {
        var ports = SiloPorts.FindFree(names.Count);
        for (var i = 0; i < names.Count; i++)
        {
            List<string> arguments =
            [
                SiloArguments.Config, folder.Settings, SiloArguments.SiloName, names[i],
                SiloArguments.SiloPort, ports[i].Silo.ToString(CultureInfo.InvariantCulture),
                SiloArguments.GatewayPort, ports[i].Gateway.ToString(CultureInfo.InvariantCulture),
            ];
            if (i > 0) arguments.AddRange([SiloArguments.JoinAfter, new IPEndPoint(IPAddress.Loopback, ports[i - 1].Gateway).ToString()]);
            var log = LogOf(folder, names[i]);
            File.Delete(log);
            started.Add(LocalProcess.Start(names[i], SiloLauncher.StartInfo(arguments), log));
        }
    }

    /// <exception cref="BedException">One ended, or is not ready in time.</exception>
    private async Task WaitAsync(LocalClusterFolder folder, IReadOnlyList<LocalProcess> silos)
    {
        var began = TimeProvider.System.GetTimestamp();
        foreach (var silo in silos)
        {
            var log = LogOf(folder, silo.Name);
            while (!IsReady(log, silo.Name))
            {
                environment.Interrupts.Token.ThrowIfCancellationRequested();
                if (!silo.IsRunning) throw new BedException($"{silo.Name} did not start: {LastLine(log)}");
                if (TimeProvider.System.GetElapsedTime(began) > StartMax)
                    throw new BedException($"{silo.Name} was not ready within {StartMax.TotalSeconds:0} s: {LastLine(log)}");
                await Task.Delay(Look);
            }
        }
    }

    private static bool IsReady(string log, string silo) =>
        File.Exists(log) && File.ReadLines(log).Any(line => line == SiloArguments.ReadyPrefix + silo);

    private static string LastLine(string log) =>
        File.Exists(log) && File.ReadLines(log).LastOrDefault() is { } line ? line : "it said nothing";

    private static string LogOf(LocalClusterFolder folder, string silo) => folder.PathOf($"{silo}.log");

    private static Task StopAsync(IEnumerable<LocalProcess> silos) => Task.WhenAll(silos.Select(silo => silo.StopAsync(StopMax)));

    private UsageException NoCluster(string path) => new($"{Label(path)}: has no cluster; allowed: livebed cluster up, or --dir");

    private string Label(string path) => environment.Folders.Label(path);

    /// <summary>What `status` says of a silo.</summary>
    /// <param name="Silo">its name</param>
    /// <param name="State">ready, busy with a run, no answer, or gone</param>
    /// <param name="Address">where other silos connect</param>
    /// <param name="Process">its number</param>
    /// <param name="Vms">VMs whose actor is on it</param>
    /// <param name="Driver">whose run it serves</param>
    private sealed record SiloRow(string Silo, string State, string Address, int? Process, int? Vms, string? Driver);
}
