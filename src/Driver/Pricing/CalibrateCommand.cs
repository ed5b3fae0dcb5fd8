using System.CommandLine;
using System.Globalization;
using System.Text;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Pricing;
using Livebed.Linux.Interop;
using Livebed.Linux.Kvm;
using Livebed.Linux.Measuring;

namespace Livebed.Driver.Pricing;

/// <summary>`livebed price calibrate`: a price list of this machine, as far as a program can measure it; the rest is taken over from
/// another list, and says so.</summary>
internal sealed class CalibrateCommand(CommandEnvironment environment)
{
    private const int TouchedPages = 2_048;

    public async Task<int> RunAsync(CalibrateRequest request)
    {
        if (!OperatingSystem.IsLinux()) throw new UsageException("price calibrate: measures Linux; allowed: on Linux");
        var measured = await new LiveLine(environment, request.Quiet).ShowAsync(begins => Task.Run(() => Calibration.Measure(begins)));
        var table = Tables.Create("price", "measured", request.Rest.Name);
        foreach (var (price, nanoseconds, _) in measured)
            table.Row(PriceNames.NameOf(price), PriceText.Nanoseconds(nanoseconds), PriceText.Nanoseconds(request.Rest[price]));
        environment.CreateConsole().Write(table);
        var exits = measured.Any(one => one.Price == Price.VmExit) ? "" : $"exits ({KvmDevice.Path} cannot be used), ";
        environment.Out.WriteLine(
            $"{PriceNames.All.Count - measured.Count} prices are taken over from {request.Rest.Name}: {exits}"
                + $"SPTEs and what else no program sees");
        WriteMissingPages();
        WriteLocks(request.Rest.With([.. measured.Select(one => (one.Price, one.Nanoseconds))]));
        await StoreAsync(request, TextOf(request, measured));
        environment.Out.Flush();
        return ExitCodes.Valid;
    }

    /// <summary>What post-copy costs a page here. No step of the model has that price.</summary>
    private void WriteMissingPages()
    {
        string said;
        try
        {
            said = PriceText.Nanoseconds(MissingPages.Measure(TouchedPages)) + " a page that another thread fills";
        }
        catch (SystemCallException refusal)
        {
            said = $"cannot be measured ({OneLine.Of(refusal.Message)})";
        }

        environment.Out.WriteLine($"userfaultfd, which no step of the model has: {said}");
    }

    /// <summary>The scenario `uncontended` under these prices, beside locks of the runtime.</summary>
    private void WriteLocks(PriceList prices)
    {
        environment.Out.WriteLine("what the locks of a lone notification cost, beside real locks of the runtime:");
        var table = Tables.Create("design", "model", "real", "real locks");
        foreach (var one in RealLocks.Measure(prices))
            table.Row(one.Design, PriceText.Nanoseconds(one.Model), PriceText.Nanoseconds(one.Real), one.What + (one.Agrees
                ? ""
                : $" (more than {RealLocks.Magnitude} times apart)"));
        environment.CreateConsole().Write(table);
    }

    private static string TextOf(CalibrateRequest request, IReadOnlyList<(Price Price, long Nanoseconds, string How)> measured)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# What steps cost on this machine, in nanoseconds; by `livebed price calibrate`.\n");
        text.Append(CultureInfo.InvariantCulture, $"machine: {Environment.ProcessorCount} CPUs of this machine\n");
        text.Append(CultureInfo.InvariantCulture, $"broadcasts-flushes: {(request.Rest.BroadcastsFlushes ? "true" : "false")}\nprices:\n");
        foreach (var price in PriceNames.All)
        {
            var own = measured.FirstOrDefault(one => one.Price == price);
            var rest = request.Rest.EntryOf(price);
            text.Append(CultureInfo.InvariantCulture, $"  {PriceNames.NameOf(price)}:\n");
            if (own.How is not null)
                text.Append(
                    CultureInfo.InvariantCulture, $"    ns: {own.Nanoseconds}\n    range: [{own.Nanoseconds / 2}, {2 * own.Nanoseconds}]\n")
                    .Append(CultureInfo.InvariantCulture, $"    source: \"measured: {own.How}\"\n");
            else
                text.Append(CultureInfo.InvariantCulture, $"    ns: {rest.Nanoseconds}\n    range: [{rest.Least}, {rest.Most}]\n")
                    .Append(CultureInfo.InvariantCulture, $"    estimate: \"taken over from {request.Rest.Name}\"\n");
        }

        return text.ToString();
    }

    private async Task StoreAsync(CalibrateRequest request, string text)
    {
        var label = environment.Folders.Label(request.File);
        try
        {
            await File.WriteAllTextAsync(request.File, text);
            environment.Out.WriteLine($"price list: {label}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--out {label}: could not be written ({OneLine.Of(exception.Message)}); allowed: a file that can be");
        }
    }
}

/// <summary>The options of `price calibrate`.</summary>
internal sealed class CalibrateOptions
{
    private readonly Option<string?> _prices = new("--prices")
    {
        HelpName = "LIST",
        Description = $"from which the rest is taken over [{PriceFile.Usual}]",
    };

    private readonly Option<string?> _out = new("--out") { HelpName = "FILE", Description = "where the list goes [prices.yaml]" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public CalibrateOptions() =>
        Command = new Command("calibrate", "Measures what a program can measure of this machine, and writes a price list.")
        {
            _prices, _out, _quiet, _verbose,
        };

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public CalibrateRequest Read(ParseResult parsed, CampaignFolders folders) => new(
        PriceFile.Read(parsed.GetValue(_prices) ?? PriceFile.Usual, folders),
        PriceOptions.PageOf(parsed.GetValue(_out) ?? "prices.yaml", folders.Current), parsed.GetValue(_quiet));
}

/// <summary>What `price calibrate` was asked for, checked.</summary>
/// <param name="Rest">what is not measured</param>
/// <param name="File">where the list goes</param>
/// <param name="Quiet">print no progress</param>
internal sealed record CalibrateRequest(PriceList Rest, string File, bool Quiet);
