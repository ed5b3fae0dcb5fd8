using System.CommandLine;

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
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ReportOptions() => Command = new Command("report", "Draws the report of a stored run again.") { _run, _out, _verbose };

    public Command Command { get; }

    public ReportRequest Read(ParseResult parsed) => new(parsed.GetRequiredValue(_run), parsed.GetValue(_out));
}

/// <summary>What `report` was asked for.</summary>
/// <param name="Run">the folder of a run, as it was typed</param>
/// <param name="Out">where the report is written; null for the run's folder</param>
internal sealed record ReportRequest(string Run, string? Out);
