using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Analyzing;

/// <summary>`livebed analyze`: reads the traces of a run and says what waited for what.</summary>
internal sealed class AnalyzeCommand(CommandEnvironment environment)
{
    public async Task<int> RunAsync(AnalyzeRequest request)
    {
        var stop = environment.Interrupts.Token;
        using var source = await TraceSource.OpenAsync(request, environment, stop);
        var analysis = await Task.Run(() => TraceAnalysis.Of(source.Reader, request.Slowest, stop), stop);
        if (analysis.Spans == 0) throw new UsageException($"{request.Source}: has no spans; allowed: traces of a run");
        var breaches = request.FailIf.Select(threshold => (threshold, Value: Figure.Of(analysis, threshold.Name)))
            .Where(entry => entry.threshold.IsBreached(entry.Value)).ToList();
        if (request.Json) await environment.Out.WriteLineAsync(AnalyzeJson.Write(analysis, request, breaches));
        else new AnalyzeReport(environment.CreateConsole(), analysis, request).Write(breaches);
        await environment.Out.FlushAsync();
        return breaches.Count > 0 ? ExitCodes.NotWithinLimits : ExitCodes.Valid;
    }
}
