using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Viewing;

/// <summary>
/// The Aspire dashboard as a process on loopback. Its page needs a key, which is in its address. It ends with this process.
/// </summary>
internal sealed class AspireDashboard : IAsyncDisposable
{
    /// <summary>Traces that it keeps; the oldest go first.</summary>
    public const int TracesMax = 50_000;

    private const string Loopback = "http://127.0.0.1:";
    private const int LinesMax = 200;
    private const string Wrapper = """
        trap '' INT HUP
        exec 3<&0
        "$0" </dev/null 3<&- &
        viewer=$!
        { read -r _ <&3; kill $viewer; } >/dev/null 2>&1 &
        wait $viewer
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private AspireDashboard(Process process) => _process = process;

    /// <summary>What a browser opens.</summary>
    public Uri Page { get; private set; } = null!;

    /// <summary>What takes OTLP over HTTP.</summary>
    public Uri Http { get; private set; } = null!;

    /// <summary>What takes OTLP over gRPC.</summary>
    public Uri Grpc { get; private set; } = null!;

    /// <param name="program">see <see cref="ViewerPackage"/></param>
    /// <param name="port">of the page; 0 for a free one</param>
    /// <param name="stop">gives up the start</param>
    public static async Task<AspireDashboard> StartAsync(string program, int port, CancellationToken stop)
    {
        var key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var dashboard = new AspireDashboard(Process.Start(StartOf(program, port, key))!);
        try
        {
            await dashboard.ListenAsync(key, stop);
            return dashboard;
        }
        catch
        {
            await dashboard.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        if (OperatingSystem.IsWindows()) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    /// <summary>A shell around it ends it with its standard input, so also when this process is killed; and Ctrl-C, which a terminal sends
    /// to all, is not for it, since a run that was interrupted has still something to send.</summary>
    private static ProcessStartInfo StartOf(string program, int port, string key)
    {
        var start = new ProcessStartInfo(OperatingSystem.IsWindows() ? program : "sh")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(program)!,
        };
        if (!OperatingSystem.IsWindows())
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(Wrapper);
            start.ArgumentList.Add(program);
        }

        foreach (var (name, value) in new (string, string)[]
        {
            ("ASPNETCORE_URLS", Loopback + port.ToString(CultureInfo.InvariantCulture)),
            ("ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL", Loopback + "0"),
            ("ASPIRE_DASHBOARD_OTLP_HTTP_ENDPOINT_URL", Loopback + "0"),
            ("DASHBOARD__FRONTEND__AUTHMODE", "BrowserToken"),
            ("DASHBOARD__FRONTEND__BROWSERTOKEN", key),
            ("DASHBOARD__OTLP__AUTHMODE", "Unsecured"),
            ("DASHBOARD__OTLP__SUPPRESSUNSECUREDMESSAGE", "true"),
            ("DASHBOARD__API__AUTHMODE", "ApiKey"),
            ("DASHBOARD__API__PRIMARYAPIKEY", key),
            ("DASHBOARD__TELEMETRYLIMITS__MAXTRACECOUNT", TracesMax.ToString(CultureInfo.InvariantCulture)),
            ("DASHBOARD__APPLICATIONNAME", "Livebed"),
        })
            start.Environment[name] = value;
        return start;
    }

    /// <summary>Reads where it listens. What it says later is read and dropped, or it would wait for a reader.</summary>
    private async Task ListenAsync(string key, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        var last = "it said nothing";
        try
        {
            for (var lines = 0; lines < LinesMax && (Page is null || Grpc is null || Http is null); lines++)
            {
                if (await _process.StandardOutput.ReadLineAsync(patience.Token) is not { } line) break;
                if (AddressIn(line, "Now listening on: ") is { } page) Page = new Uri(page, $"login?t={key}");
                Grpc = AddressIn(line, "OTLP/gRPC listening on: ") ?? Grpc!;
                Http = AddressIn(line, "OTLP/HTTP listening on: ") ?? Http!;
                if (line.Trim().Length > 0) last = line.Trim();
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            last = $"nothing for {Patience.TotalSeconds:0} s";
        }

        if (Page is null || Grpc is null || Http is null)
            throw new UsageException($"the viewer does not start ({OneLine.Of(last)}); allowed: --otlp with a collector's address");
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
        _ = _process.StandardError.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
    }

    private static Uri? AddressIn(string line, string before)
    {
        var text = line.Trim();
        return text.StartsWith(before, StringComparison.Ordinal) ? new Uri(text[before.Length..]) : null;
    }
}
