using System.Globalization;
using System.Net;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Runs;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// Where traces come from: the folder of a run, a file, or a query service. A service's answers are stored beside the system's other
/// temporary files while they are read, since they are read twice. Jaeger is asked for /api/v3/traces, and where that is not served for the
/// older /api/traces; an address that has one of these in it is asked as it is.
/// </summary>
internal sealed class TraceSource : IDisposable
{
    private const long AnswerBytesMax = 4L << 30;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string? _temporary;

    private TraceSource(TraceReader reader, string? temporary) => (Reader, _temporary) = (reader, temporary);

    public TraceReader Reader { get; }

    /// <exception cref="UsageException">There are no traces.</exception>
    public static async Task<TraceSource> OpenAsync(AnalyzeRequest request, CommandEnvironment environment, CancellationToken stop)
    {
        if (Uri.TryCreate(request.Source, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            return await FetchAsync(url, request, environment.Clock, stop);
        var (reader, _) = Stored(request.Source, environment.Folders.Current);
        return new TraceSource(reader, null);
    }

    /// <param name="source">a run's folder or a file, as it was typed</param>
    /// <param name="currentFolder">what it is relative to</param>
    /// <exception cref="UsageException">The folder has no traces.</exception>
    public static (TraceReader Reader, string Path) Stored(string source, string currentFolder)
    {
        var path = Path.GetFullPath(source, currentFolder);
        if (!Directory.Exists(path)) return (new TraceReader(path, source), path);
        var name = new[] { RunFolder.TracesFile, HistoryWriter.PartialPath(RunFolder.TracesFile) }
            .FirstOrDefault(name => File.Exists(Path.Combine(path, name)));
        return name is not null
            ? (new TraceReader(Path.Combine(path, name), Path.Combine(source, name)), Path.Combine(path, name))
            : throw new UsageException(
                $"{source}: has no {RunFolder.TracesFile}; allowed: a run's folder, a file of traces, or a query service's URL");
    }

    public void Dispose()
    {
        if (_temporary is not null) File.Delete(_temporary);
    }

    private static async Task<TraceSource> FetchAsync(Uri url, AnalyzeRequest request, TimeProvider clock, CancellationToken stop)
    {
        var target = Path.Combine(Path.GetTempPath(), $"livebed-{Guid.NewGuid():N}.json");
        try
        {
            using var client = new HttpClient { Timeout = Patience };
            await using (var file = new FileStream(target, FileMode.CreateNew, FileAccess.Write, FileShare.Read))
            {
                foreach (var queries in Queries(url, request, clock.GetUtcNow()))
                    if (await FetchFirstAsync(client, queries, file, stop) is { } problem) throw new UsageException($"{url}: {problem}");
                if (file.Length == 0)
                    throw new UsageException($"{url}: has no traces of Livebed in that time; allowed: a longer one (--lookback)");
            }

            return new TraceSource(new TraceReader(target, url.ToString(), isDistinct: true), target);
        }
        catch (Exception e)
        {
            File.Delete(target);
            if (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
                throw new UsageException($"{url}: does not answer ({OneLine.Of(e.Message)}); allowed: Jaeger's query service");
            throw;
        }
    }

    /// <summary>For each service the addresses to try, the newer first. The driver's traces come with all silos' spans in them, so silos
    /// are asked for what has no driver in it: what was promoted.</summary>
    private static IEnumerable<Uri[]> Queries(Uri url, AnalyzeRequest request, DateTimeOffset now)
    {
        if (url.AbsolutePath.Contains("/api/", StringComparison.Ordinal)) return [[url]];
        var root = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        var (from, to) = (now - request.Lookback, now);
        return new[] { TelemetrySetup.DriverService, TelemetrySetup.SiloService }.Select(service => new Uri[]
        {
            new($"{root}/api/v3/traces?query.service_name={service}&query.start_time_min={Rfc3339(from)}&query.start_time_max={Rfc3339(to)}"
                + $"&query.search_depth={request.Traces}&query.num_traces={request.Traces}"),
            new($"{root}/api/traces?service={service}&limit={request.Traces}"
                + $"&start={from.ToUnixTimeMilliseconds() * 1_000}&end={to.ToUnixTimeMilliseconds() * 1_000}"),
        });
    }

    /// <returns>what is wrong; null when an address answered, if only that it has no such traces</returns>
    private static async Task<string?> FetchFirstAsync(HttpClient client, Uri[] queries, FileStream file, CancellationToken stop)
    {
        var problem = "";
        foreach (var query in queries)
        {
            using var answer = await client.GetAsync(query, HttpCompletionOption.ResponseHeadersRead, stop);
            if (answer.IsSuccessStatusCode)
            {
                await using var body = await answer.Content.ReadAsStreamAsync(stop);
                return await CopyAsync(body, file, stop);
            }

            // Jaeger says "not found" of an address that it does not serve, and of a search without a result; that has a message in JSON.
            if (answer.StatusCode == HttpStatusCode.NotFound
                && (await answer.Content.ReadAsStringAsync(stop)).Contains("No traces found", StringComparison.Ordinal)) return null;
            problem = string.Create(
                CultureInfo.InvariantCulture, $"{query.AbsolutePath} answers {(int)answer.StatusCode}; allowed: Jaeger's query service");
        }

        return problem;
    }

    /// <summary>An answer is one document, which becomes a line; line ends inside of JSON mean nothing.</summary>
    private static async Task<string?> CopyAsync(Stream body, FileStream file, CancellationToken stop)
    {
        var buffer = new byte[1 << 16];
        for (int read; (read = await body.ReadAsync(buffer, stop)) > 0;)
        {
            buffer.AsSpan(0, read).Replace((byte)'\n', (byte)' ');
            await file.WriteAsync(buffer.AsMemory(0, read), stop);
            if (file.Length > AnswerBytesMax)
                return $"answers more than {AnswerBytesMax >> 30} GiB; allowed: fewer traces (--traces) or a shorter time (--lookback)";
        }

        await file.WriteAsync("\n"u8.ToArray(), stop);
        return null;
    }

    private static string Rfc3339(DateTimeOffset time) =>
        Uri.EscapeDataString(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
}
