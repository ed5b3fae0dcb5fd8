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
            result = await Task.Run(() => new MigrateBench(request, Progress(request)).RunAsync(environment.Interrupts.Token));
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

    /// <summary>Only for a terminal; the report is the same without it.</summary>
    private Action<string> Progress(BenchRequest request)
    {
        if (request.Json || !environment.IsTerminal) return _ => { };
        return environment.Error.WriteLine;
    }
}
