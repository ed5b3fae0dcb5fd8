using System.CommandLine;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Reports;

/// <summary>The arguments of `report`.</summary>
internal sealed class ReportOptions
{
    private readonly Argument<string> _run = new("dir") { Description = "the folder of a run" };
    private readonly Option<string?> _out = new("--out")
    {
        HelpName = "FILE",
        Description = "where the report is written [report.html of the run's folder]",
    };
    private readonly Option<string?> _jaeger = JaegerUi.Option();
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ReportOptions() => Command = new Command("report", "Draws the report of a stored run again.") { _run, _out, _jaeger, _verbose };

    public Command Command { get; }

    public ReportRequest Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(_run), parsed.GetValue(_out), JaegerUi.Read(parsed.GetValue(_jaeger)));
}

/// <summary>What `report` was asked for.</summary>
/// <param name="Run">the folder of a run, as it was typed</param>
/// <param name="Out">where the report is written; null for the run's folder</param>
/// <param name="Jaeger">where Jaeger's page is; null shows traces by their ids</param>
internal sealed record ReportRequest(string Run, string? Out, Uri? Jaeger);

/// <summary>The option that makes traces links to Jaeger's page.</summary>
internal static class JaegerUi
{
    private const string Name = "--jaeger-ui";

    public static Option<string?> Option() => new(Name)
    {
        HelpName = "URL",
        Description = "where Jaeger's page is, as in http://localhost:16686: the report's traces are links to it",
    };

    /// <exception cref="UsageException">It is no address.</exception>
    public static Uri? Read(string? text)
    {
        if (text is null) return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0
            ? uri
            : throw new UsageException($"{Name} {text}: is no address; allowed: an http or https URL, as in http://localhost:16686");
    }
}
