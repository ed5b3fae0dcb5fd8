using System.Globalization;
using System.Text;
using Livebed.Kvm.Vms;

namespace Livebed.Mutation;

/// <summary>The table of docs/mutation.md: a row for each folder, and every survivor with its judgement.</summary>
public static class Report
{
    /// <param name="mutations">those that were hunted</param>
    /// <param name="verdicts">of them</param>
    /// <param name="judged">why a survivor is equivalent, by key</param>
    public static string Of(
        IReadOnlyList<Mutation> mutations, IReadOnlyList<Verdict> verdicts, IReadOnlyDictionary<string, string> judged)
    {
        var byKey = mutations.ToDictionary(mutation => mutation.Key, StringComparer.Ordinal);
        var text = new StringBuilder();
        text.AppendLine("| folder | mutations | killed | equivalent | survived | of them not reached | score | 95 % |");
        text.AppendLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
        var folders = verdicts.ToLookup(verdict => FolderOf(byKey[verdict.Key]));
        foreach (var folder in folders.OrderBy(group => group.Key, StringComparer.Ordinal))
            text.AppendLine(Row(folder.Key, [.. folder], judged));
        text.AppendLine(Row("all", verdicts, judged));
        text.AppendLine().AppendLine("| where | change | reached by | judgement |").AppendLine("| --- | --- | --- | --- |");
        foreach (var verdict in verdicts.Where(one => one.KilledBy is null).OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            var mutation = byKey[verdict.Key];
            var where = $"`{mutation.File["src/Kvm/".Length..]}:{mutation.Line}` `{mutation.Member}`";
            var judgement = judged.GetValueOrDefault(verdict.Key, "");
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {where} | {mutation.Operator}: {Cell(mutation.Change)} | {verdict.Scenario} | {judgement} |");
        }

        return text.ToString();
    }

    /// <summary>The table of defects that a person has planted, in their order.</summary>
    public static string OfPlanted(IReadOnlyList<Mutation> defects, IReadOnlyList<Verdict> verdicts)
    {
        var text = new StringBuilder();
        text.AppendLine("| defect | file | found by | scenario | schedule |");
        text.AppendLine("| --- | --- | --- | --- | ---: |");
        foreach (var defect in defects)
        {
            if (verdicts.FirstOrDefault(one => one.Key == defect.Key) is not { } verdict) continue;
            var found = verdict.KilledBy is null ? $"- | {verdict.Scenario} | -" : string.Create(
                CultureInfo.InvariantCulture,
                $"{verdict.KilledBy} | `{verdict.Scenario.Split(' ')[0]}`{Other(verdict)} | {verdict.Schedule}");
            text.AppendLine(CultureInfo.InvariantCulture, $"| {defect.Change} | `{Path.GetFileName(defect.File)}` | {found} |");
        }

        return text.ToString();
    }

    /// <summary>A protocol that is not the first, and a strategy that is not: what has to be said of a finding.</summary>
    private static string Other(Verdict verdict)
    {
        var protocol = verdict.Scenario.Split(' ')[^1];
        return (protocol == ProtocolCatalog.ActiveCount ? "" : $", {protocol}") + (verdict.Strategy == "pct" ? ", PCT" : "");
    }

    private static string Row(string name, IReadOnlyList<Verdict> verdicts, IReadOnlyDictionary<string, string> judged)
    {
        var killed = verdicts.Count(verdict => verdict.KilledBy is not null);
        var equivalent = verdicts.Count(verdict => verdict.KilledBy is null && judged.ContainsKey(verdict.Key));
        var unreached = verdicts.Count(verdict => verdict is { KilledBy: null, Schedules: 0 } && !judged.ContainsKey(verdict.Key));
        var counted = verdicts.Count - equivalent;
        var score = counted > 0 ? 100.0 * killed / counted : 100;
        var (least, most) = Interval(killed, counted);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {verdicts.Count} | {killed} | {equivalent} | {verdicts.Count - killed - equivalent} | {unreached} "
                + $"| {score:F1} % | {least:F0} to {most:F0} % |");
    }

    /// <summary>Wilson's interval of a share, in percent: what the score of all may be, if these are a sample.</summary>
    private static (double Least, double Most) Interval(int hits, int tries)
    {
        const double Deviations = 1.96;
        if (tries == 0) return (0, 100);
        const double Square = Deviations * Deviations;
        var share = (double)hits / tries;
        var middle = share + Square / (2 * tries);
        var width = Deviations * Math.Sqrt(share * (1 - share) / tries + Square / (4.0 * tries * tries));
        var scale = 1 + Square / tries;
        return (100 * (middle - width) / scale, 100 * (middle + width) / scale);
    }

    private static string FolderOf(Mutation mutation) => mutation.File.Split('/')[2];

    private static string Cell(string code) => $"`{code.Replace("|", "\\|", StringComparison.Ordinal)}`";
}
