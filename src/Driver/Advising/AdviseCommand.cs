using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Advising;

/// <summary>`livebed advise`: tries settings of QEMU on a recording and says which keep the limits. It starts nothing and leaves nothing
/// behind.</summary>
internal sealed class AdviseCommand(CommandEnvironment environment)
{
    public int Run(AdviseRequest request)
    {
        try
        {
            var (workload, settings) = (request.Guest.Workload, request.Guest.Settings);
            var tried = Advice.Of(
                workload, settings, request.Qemu, request.Bandwidth, request.ChannelBandwidth, request.Limits, request.LinkMargin);
            var chart = PointOfNoReturn.Of(workload, settings, request.Qemu, request.Limits);
            if (request.Json) environment.Out.Write(AdviseJson.Write(request, tried, chart));
            else new AdviseReport(environment).Write(request, tried, chart);
            environment.Out.Flush();
            return tried[0].IsAdvisable ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
        }
        catch (ForecastBudgetException exception)
        {
            throw request.Guest.TooMuch(exception);
        }
    }
}
