using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>`livebed predict`: says what a migration would be before anything is run. It starts nothing and leaves nothing
/// behind.</summary>
internal sealed class PredictCommand(CommandEnvironment environment)
{
    public int Run(PredictRequest request)
    {
        var prediction = Predict(request);
        if (request.Json) environment.Out.Write(PredictJson.Write(request, prediction));
        else new PredictReport(environment).Write(request, prediction);
        environment.Out.Flush();
        return prediction.Completes ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
    }

    private static Prediction Predict(PredictRequest request)
    {
        try
        {
            return Prediction.Of(request);
        }
        catch (ForecastBudgetException exception)
        {
            throw request.Guest.TooMuch(exception);
        }
    }
}
