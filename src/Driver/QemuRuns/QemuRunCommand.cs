using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Linux.Qemu;
using Livebed.Linux.Recording;

namespace Livebed.Driver.QemuRuns;

/// <summary>`livebed qemu`: a real migration of a guest that replays a recording, beside its forecast, and both memories compared. All of
/// it happens on one thread, as the recorder asks.</summary>
internal sealed class QemuRunCommand(CommandEnvironment environment)
{
    private const long SwitchoverCostMicroseconds = 1_500;

    public Task<int> RunAsync(QemuRunRequest request) => Task.Factory.StartNew(
        () => Run(request), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private int Run(QemuRunRequest request)
    {
        if (!OperatingSystem.IsLinux()) throw new UsageException("qemu: this is no Linux; allowed: Linux");
        try
        {
            var outcome = QemuMigration.Run(
                request.Migration, said => Show(request, said), environment.Interrupts.Token);
            var forecast = Forecast(request, outcome);
            if (request.IsJson) environment.Out.Write(QemuRunJson.Write(request, outcome, forecast));
            else new QemuRunReport(environment).Write(request, outcome, forecast);
            environment.Out.Flush();
            if (outcome.StalePages.Count > 0) return ExitCodes.Invalid;
            return outcome.Figures.IsCompleted ? ExitCodes.Valid : ExitCodes.NotWithinLimits;
        }
        catch (QemuException exception) when (exception.IsUsage)
        {
            throw new UsageException($"qemu {request.Name}: {exception.Message}");
        }
        catch (QemuException exception)
        {
            throw new BedException(exception.Message, exception);
        }
        catch (RecordingException exception)
        {
            throw new BedException($"the guest cannot be recorded: {exception.Message}", exception);
        }
        catch (TraceFormatException exception)
        {
            throw new UsageException($"qemu {request.Name}: {exception.Message}");
        }
    }

    private void Show(QemuRunRequest request, string said)
    {
        if (!request.IsQuiet) environment.Error.WriteLine(said);
    }

    /// <summary>From the recording of the guest itself, not from what it replays: a busy machine lets it write less.</summary>
    private static ForecastsByStart Forecast(QemuRunRequest request, QemuMigrationOutcome outcome)
    {
        var path = request.Out ?? Path.GetTempFileName();
        try
        {
            using (var file = File.Create(path)) outcome.Recording.Write(file);
            var parts = outcome.QemuVersion.Split('.');
            var version = new QemuVersion(int.Parse(parts[0], null), int.Parse(parts[1], null));
            var timeline = DirtyTimeline.Load(path);
            return ForecastsByStart.Of(
                timeline,
                new MigrationParameters
                {
                    MaxBandwidth = request.Migration.MaxBandwidth,
                    DowntimeLimitMicroseconds = (long)request.Migration.DowntimeLimit.TotalMicroseconds,
                    TimeLimitMicroseconds = (long)request.Migration.TimeLimit.TotalMicroseconds,
                    Channels = 1,
                },
                new ForecastSettings
                {
                    MemoryPages = timeline.Pages,
                    SwitchoverCostMicroseconds = SwitchoverCostMicroseconds,
                    Qemu = new QemuSettings
                    {
                        LinkBandwidth = request.LinkBandwidth,
                        Version = version < QemuVersion.Oldest ? QemuVersion.Oldest : version,
                        IsZeroFromTrace = true,
                    },
                });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BedException($"{path} cannot be written ({exception.Message})", exception);
        }
        finally
        {
            if (request.Out is null) File.Delete(path);
        }
    }
}
