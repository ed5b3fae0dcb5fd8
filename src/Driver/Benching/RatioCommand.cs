using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Benching;

/// <summary>`livebed bench NAME`, `bench all` and `bench compare`: ratios of the bed to something bare.</summary>
internal sealed class RatioCommand(CommandEnvironment environment)
{
    public static IReadOnlyList<IRatioBench> Benches { get; } =
    [
        new FaultPathBench(), new NotificationBench(), new TlbBench(), new PageTransferBench(), new ExplorerBench(), new IdleBench(),
        new ScaleBench(), new TracingBench(),
    ];

    public async Task<int> RunAsync(IReadOnlyList<IRatioBench> benches, RatioRequest request, bool json, bool quiet)
    {
        var rows = new List<RatioRow>();
        try
        {
            await new LiveLine(environment, json || quiet).ShowAsync(async show =>
            {
                foreach (var (bench, done) in benches.Select((bench, done) => (bench, done)))
                {
                    void Progress(string step) =>
                        show($"{ProgressBar.Of((double)done / benches.Count)}  {done + 1} of {benches.Count}: {step}");
                    rows.AddRange(await Task.Run(() => bench.RunAsync(request, Progress, environment.Interrupts.Token)));
                }

                return rows.Count;
            });
        }
        catch (OperationCanceledException) when (environment.Interrupts.Token.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }

        if (json) environment.Out.WriteLine(RatioJson.Write(request, rows));
        else new RatioReport(environment).Write(request, rows);
        environment.Out.Flush();
        return rows.All(row => row.Holds) ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
    }

    /// <exception cref="UsageException">A file is not there, or has no figures that the other has.</exception>
    public int Compare((string First, string Second) files)
    {
        var rows = RatioComparison.Of(Read(files.First), Read(files.Second));
        if (rows.Count == 0) throw new UsageException($"{files.First} and {files.Second} have no figure in common");
        new RatioReport(environment).Compare(rows);
        return ExitCodes.Valid;
    }

    private IReadOnlyList<RatioRow> Read(string file)
    {
        try
        {
            return RatioJson.Read(file, InputFile.Read(Path.GetFullPath(file, environment.Folders.Current), RatioJson.BytesMax));
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{file}: {e.Message}; allowed: what `bench --json` printed");
        }
    }
}
