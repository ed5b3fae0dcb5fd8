using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Predicting;

/// <summary>`livebed predict`: says what a migration would be before anything is run. It starts nothing and leaves nothing
/// behind.</summary>
internal sealed class PredictCommand(CommandEnvironment environment)
{
    public int Run(PredictRequest request)
    {
        var prediction = Prediction.Of(request);
        if (request.Json) environment.Out.Write(PredictJson.Write(request, prediction));
        else new PredictReport(environment).Write(request, prediction);
        environment.Out.Flush();
        return prediction.Forecast.Completes ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
    }
}
