using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>`livebed explain`: why a real migration went as it did. It starts nothing and leaves nothing behind.</summary>
internal sealed class ExplainCommand(CommandEnvironment environment)
{
    public int Run(ExplainRequest request)
    {
        try
        {
            var settings = request.Guest.Settings with { Qemu = request.Qemu };
            var byStart = ForecastsByStart.Of(request.Guest.Workload, request.Parameters, settings);
            var explanation = Explanation.Of(
                request.Measured, byStart, request.BytesPerSecond, request.Parameters.DowntimeLimitMicroseconds, settings,
                request.PollMilliseconds);
            if (request.Json) environment.Out.Write(ExplainJson.Write(request, byStart, explanation));
            else new ExplainReport(environment).Write(request, byStart, explanation);
            environment.Out.Flush();
            return ExitCodes.Valid;
        }
        catch (ForecastBudgetException exception)
        {
            throw request.Guest.TooMuch(exception);
        }
    }
}
