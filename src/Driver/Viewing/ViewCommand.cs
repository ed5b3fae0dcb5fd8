using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Livebed.Driver.Analyzing;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Viewing;

/// <summary>`livebed view`: shows the traces of a stored run in the Aspire dashboard, until it is interrupted.</summary>
internal sealed class ViewCommand(CommandEnvironment environment)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public async Task<int> RunAsync(ViewRequest request)
    {
        var stop = environment.Interrupts.Token;
        var (reader, path) = TraceSource.Stored(request.Source, environment.Folders.Current);

        // Read before anything is fetched or started: a file that is wrong is told at once, with its line.
        var (spans, traces) = await environment.Interrupts.AwaitAsync(() => Count(reader, stop));
        if (spans == 0) throw new UsageException($"{request.Source}: has no spans; allowed: a run with telemetry.sampleRatio above 0");
        await using var viewer = await OpenAsync(environment.Out, request.Port, stop);
        await SendAsync(path, viewer.Http, stop);
        var said = string.Create(CultureInfo.InvariantCulture, $"{spans:N0} spans in {traces:N0} traces");
        if (traces > AspireDashboard.TracesMax)
            said += string.Create(CultureInfo.InvariantCulture, $", of which the viewer keeps {AspireDashboard.TracesMax:N0}");
        await environment.Out.WriteLineAsync(said);
        await ShowAsync(environment.Out, viewer, stop);
        return ExitCodes.Valid;
    }

    /// <param name="told">where it is said what takes its time</param>
    /// <param name="port">of the page; 0 for a free one</param>
    /// <param name="stop">gives it up</param>
    public static async Task<AspireDashboard> OpenAsync(TextWriter told, int port, CancellationToken stop)
    {
        var program = await ViewerPackage.FindAsync(told.WriteLine, stop);
        return await AspireDashboard.StartAsync(program, port, stop);
    }

    /// <summary>Says where the page is, and waits for the interrupt.</summary>
    public static async Task ShowAsync(TextWriter told, AspireDashboard viewer, CancellationToken stop)
    {
        await told.WriteLineAsync($"view        {viewer.Page}");
        if (!stop.IsCancellationRequested) await told.WriteLineAsync("            until Ctrl-C");
        await told.FlushAsync(CancellationToken.None);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static (long Spans, int Traces) Count(TraceReader reader, CancellationToken stop)
    {
        var (spans, traces) = (0L, new HashSet<string>());
        foreach (var span in reader.Read(stop))
        {
            spans++;
            traces.Add(span.TraceId);
        }

        return (spans, traces.Count);
    }

    /// <summary>A line is a request of the protocol, as it is.</summary>
    private static async Task SendAsync(string path, Uri viewer, CancellationToken stop)
    {
        using var client = new HttpClient { BaseAddress = viewer, Timeout = Patience };
        await foreach (var line in File.ReadLinesAsync(path, stop))
        {
            if (line.Length == 0) continue;
            using var content = new StringContent(line);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await client.PostAsync(new Uri("v1/traces", UriKind.Relative), content, stop);
            if (answer.StatusCode != HttpStatusCode.OK)
                throw new UsageException(
                    $"{path}: the viewer answers {(int)answer.StatusCode}; allowed: OTLP JSON lines, as a run writes them");
        }
    }
}

/// <summary>The arguments of `view`.</summary>
internal sealed class ViewOptions
{
    private readonly Argument<string> _source = new("source") { Description = "the folder of a run, or a file of OTLP JSON lines" };
    private readonly Option<string?> _port = new("--port") { HelpName = "N", Description = "of the page [a free one]" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ViewOptions() => Command = new Command(
        "view", "Shows the traces of a stored run in a viewer, the Aspire dashboard, which is fetched once.") { _source, _port, _verbose };

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public ViewRequest Read(ParseResult parsed) => new(parsed.GetRequiredValue(_source), PortOf(parsed.GetValue(_port)));

    private static int PortOf(string? text)
    {
        if (text is null) return 0;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= IPEndPoint.MaxPort
            ? port
            : throw new UsageException($"--port {text}: is no port; allowed: 1 to {IPEndPoint.MaxPort}");
    }
}

/// <summary>What `view` was asked for.</summary>
/// <param name="Source">a folder or a file, as it was typed</param>
/// <param name="Port">of the page; 0 for a free one</param>
internal sealed record ViewRequest(string Source, int Port);
