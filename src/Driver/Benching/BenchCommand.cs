using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Benching;

/// <summary>`livebed bench migrate`: measures how fast the bed itself moves memory. It leaves nothing behind.</summary>
internal sealed class BenchCommand(CommandEnvironment environment)
{
    public async Task<int> RunAsync(BenchRequest request)
    {
        BenchResult result;
        try
        {
            // Not on the caller's thread, which blocks: raw TCP is sent and received by threads of its own.
            result = await new LiveLine(environment, request.Json || request.Quiet).ShowAsync(
                progress => Task.Run(() => new MigrateBench(request, progress).RunAsync(environment.Interrupts.Token)));
        }
        catch (OperationCanceledException) when (environment.Interrupts.Token.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }

        if (request.Json) environment.Out.Write(BenchJson.Write(result));
        else new BenchReport(environment).Write(result);
        environment.Out.Flush();
        if (result.Violations.Count > 0) return ExitCodes.Invalid;
        return result.HoldsAll ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
    }
}
