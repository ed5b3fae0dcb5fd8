using Livebed.Kvm.Migration;

namespace Livebed.Driver.Benching;

/// <summary>
/// Migrations of a VM between two silos against as many bytes through raw loopback TCP, as <see cref="MigrateBench"/> measures them. Raw
/// TCP moves a GiB in about the third of a second, so a turn has a GiB for each second of the window. The first migration does not count:
/// its memory is new to the process, and the kernel clears it.
/// </summary>
internal sealed class PageTransferBench : IRatioBench
{
    private const int PageSize = 4096;
    private const double Goal = BenchResult.RatioMax;
    private const long BytesMin = 1L << 24;
    private const long BytesMax = 1L << 32;

    public string Name => "page-transfer";

    public string Summary => "migrations of a VM against as many bytes through raw loopback TCP";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        var bytes = Math.Clamp((long)(request.Window.TotalSeconds * (1L << 30)), BytesMin, BytesMax);
        var result = await new MigrateBench(
            new BenchRequest
            {
                Memory = bytes / PageSize * PageSize,
                PageSize = PageSize,
                Channels = new MigrationParameters().Channels,
                Moves = request.Rounds + 1,
                Json = false,
            },
            _ => progress(Name)).RunAsync(interrupted);
        if (result.Violations is [var violation, ..]) throw new InvalidOperationException($"{violation.Invariant}: {violation.Message}");
        var rounds = Enumerable.Range(1, request.Rounds).Select(move => Round(result, move));
        return [new RatioRow(Name, "s", [.. rounds], new RatioGoal(Most: Goal))];
    }

    /// <summary>A migration with raw TCP before and after it.</summary>
    private static RatioRound Round(BenchResult result, int move) => new(
        result.Moves[move].Total.TotalSeconds, (result.Raw[move].Total + result.Raw[move + 1].Total).TotalSeconds / 2);
}
