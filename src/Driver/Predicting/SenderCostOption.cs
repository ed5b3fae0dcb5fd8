using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>`--sender-costs`: what our own sender takes beside its bytes, by the name of each part.</summary>
internal sealed class SenderCostOption
{
    public const string Allowed =
        "none, measured, or some of setup, first-page, page, round and switchover with their times, as in setup=30ms,first-page=50us";

    private static readonly ValueKind<TimeSpan> _time = ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromMinutes(1));

    public Option<string?> Option { get; } = OptionValues.Text(
        "--sender-costs", "none|measured|PART=TIME,...",
        "as livebed: beside the bytes, its setup, first-page, page, round and switchover [measured; none with --dirty-rate]");

    /// <exception cref="UsageException">It is not allowed.</exception>
    public SenderCosts Read(ParseResult parsed, bool isRecording)
    {
        if (parsed.GetValue(Option) is not { } text) return isRecording ? SenderCosts.Measured : SenderCosts.None;
        if (text == "none") return SenderCosts.None;
        var costs = SenderCosts.Measured;
        if (text == "measured") return costs;
        foreach (var part in text.Split(','))
        {
            var words = part.Split('=');
            if (words.Length != 2) throw Refused(text, $"'{part}' has no time");
            if (_time.Parse(words[1], out var time) is { } problem) throw Refused(text, problem);
            costs = With(costs, words[0], time) ?? throw Refused(text, $"'{words[0]}' is no part");
        }

        return costs;
    }

    private static SenderCosts? With(SenderCosts costs, string part, TimeSpan time) => part switch
    {
        "setup" => costs with { SetupMicroseconds = (long)time.TotalMicroseconds },
        "first-page" => costs with { FirstPageMicroseconds = time.TotalMicroseconds },
        "page" => costs with { PageMicroseconds = time.TotalMicroseconds },
        "round" => costs with { RoundMicroseconds = (long)time.TotalMicroseconds },
        "switchover" => costs with { SwitchoverMicroseconds = (long)time.TotalMicroseconds },
        _ => null,
    };

    private UsageException Refused(string text, string problem) => new($"{Option.Name} {text}: {problem}; allowed: {Allowed}");
}
